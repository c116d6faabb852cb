"""Processor: cores, features, frequency and load, from the kernel's files, or from psutil where there are none."""

import os
import platform
import threading
from functools import cached_property

import psutil

from backend.domain.machine import Cpu
from backend.probes.control_groups import ControlGroups
from backend.probes.system_files import SystemFiles

INFO = "proc/cpuinfo"
FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq"
TIMES = 8  # proc(5): user nice system idle iowait irq softirq steal; guest time is already part of user time
KILOHERTZ = 1e-3


class Processor:
    """Safe from many threads. What cannot change is read once."""

    def __init__(self, files: SystemFiles | None = None) -> None:
        self._files = files or SystemFiles()
        self._groups = ControlGroups(self._files)
        self._lock = threading.Lock()
        self._times: tuple[float, float] | None = None

    @cached_property
    def model(self) -> str:
        """The processor's name; the architecture where the system does not tell more."""
        return self._told.get("model name") or platform.processor() or platform.machine()

    def read(self) -> Cpu:
        """Cores, load, and the share of time they were busy since the previous call."""
        return Cpu(
            model=self.model,
            physical_cores=self._physical,
            logical_cores=self._logical,
            usable_cores=self._usable(),
            busy_percent=self._busy_percent(),
            load=self._load(),
            limit_cores=self._groups.cpu_limit(),
            features=tuple((self._told.get("flags") or self._told.get("Features") or "").split()),
            frequency_mhz=self._frequency("scaling_cur_freq"),
            max_frequency_mhz=self._frequency("cpuinfo_max_freq"),
        )

    @cached_property
    def _cores(self) -> list[dict[str, str]]:
        """One block of /proc/cpuinfo per logical core."""
        blocks = self._files.text(INFO).split("\n\n")
        return [told for block in blocks if "processor" in (told := _pairs(block))]

    @cached_property
    def _told(self) -> dict[str, str]:
        return self._cores[0] if self._cores else {}

    @cached_property
    def _logical(self) -> int:
        return len(self._cores) or psutil.cpu_count() or 1

    @cached_property
    def _physical(self) -> int | None:
        ids = {(core.get("physical id"), core["core id"]) for core in self._cores if "core id" in core}
        if ids or not self._files.is_this_machine:
            return len(ids) or None
        return psutil.cpu_count(logical=False)

    def _usable(self) -> int:
        allowed = _count(self._files.fields("proc/self/status").get("Cpus_allowed_list", ""))
        if allowed:
            return min(allowed, self._logical)
        has_affinity = self._files.is_this_machine and hasattr(os, "sched_getaffinity")
        return len(os.sched_getaffinity(0)) if has_affinity else self._logical

    def _load(self) -> tuple[float, float, float]:
        try:
            one, five, fifteen = (float(word) for word in self._files.text("proc/loadavg").split()[:3])
        except ValueError:
            return psutil.getloadavg()
        return one, five, fifteen

    def _frequency(self, name: str) -> float | None:
        kilohertz = self._files.number(f"{FREQUENCY}/{name}")
        return None if kilohertz is None else kilohertz * KILOHERTZ

    def _busy_percent(self) -> float | None:
        # Not psutil.cpu_percent(): it remembers per thread and answers 0.0 to each new thread, and the
        # dashboard uses a new thread for every rerun.
        busy, total = self._seconds()
        with self._lock:
            before, self._times = self._times, (busy, total)
        if before is None or total <= before[1]:
            return None
        return min(100.0, max(0.0, 100 * (busy - before[0]) / (total - before[1])))

    def _seconds(self) -> tuple[float, float]:
        """Time that all cores were busy, and all time, in the same unit."""
        words = self._files.text("proc/stat").partition("\n")[0].split()[1 : TIMES + 1]
        if len(words) == TIMES and all(word.isdigit() for word in words):
            ticks = [float(word) for word in words]
            return sum(ticks) - ticks[3] - ticks[4], sum(ticks)
        times = psutil.cpu_times()._asdict()
        total = sum(value for name, value in times.items() if not name.startswith("guest"))
        return total - times["idle"] - times.get("iowait", 0.0), total


def _pairs(block: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _count(ranges: str) -> int:
    """How many numbers "0-3,8" has: 5; 0 for what is no such list."""
    total = 0
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        if not first.isdigit() or not (last or first).isdigit():
            return 0
        total += int(last or first) - int(first) + 1
    return total
