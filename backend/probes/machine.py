"""LocalMachine: processor, memory, disk and GPUs of the machine we run on."""

import os
import platform
import threading
from functools import cached_property
from pathlib import Path

import psutil

from backend.domain.machine import Cpu, Disk, GpuReading, Memory
from backend.probes.nvidia import NvidiaDriver

CPU_INFO = Path("/proc/cpuinfo")


class LocalMachine:
    """Reads this machine through psutil and the NVIDIA driver. Safe from many threads."""

    def __init__(self, workspace: Path, nvidia: NvidiaDriver | None = None) -> None:
        self._workspace = workspace
        self._nvidia = nvidia or NvidiaDriver()
        self._lock = threading.Lock()
        self._times: tuple[float, float] | None = None

    @cached_property
    def model(self) -> str:
        """The processor's name; the architecture where the system does not tell more."""
        return _model_in(_read(CPU_INFO)) or platform.processor() or platform.machine()

    def cpu(self) -> Cpu:
        """Cores, load, and the share of time they were busy since the previous call."""
        logical = psutil.cpu_count() or 1
        return Cpu(
            model=self.model,
            physical_cores=psutil.cpu_count(logical=False),
            logical_cores=logical,
            usable_cores=_usable_cores(logical),
            busy_percent=self._busy_percent(),
            load=psutil.getloadavg(),
        )

    def memory(self) -> Memory:
        """Main memory and swap."""
        main, swap = psutil.virtual_memory(), psutil.swap_memory()
        return Memory(main.total, main.available, swap.total, swap.used)

    def disk(self) -> Disk:
        """The file system of the workspace, or of its nearest folder that exists."""
        folder = next(path for path in (self._workspace, *self._workspace.parents) if path.exists())
        usage = psutil.disk_usage(str(folder))
        return Disk(str(folder), usage.total, usage.free)

    def gpus(self) -> GpuReading:
        """NVIDIA devices as their driver reports them."""
        return self._nvidia.read()

    def _busy_percent(self) -> float | None:
        # Not psutil.cpu_percent(): it remembers per thread and answers 0.0 to each new thread, and the
        # dashboard uses a new thread for every rerun.
        busy, total = _cpu_seconds()
        with self._lock:
            before, self._times = self._times, (busy, total)
        if before is None or total <= before[1]:
            return None
        return min(100.0, max(0.0, 100 * (busy - before[0]) / (total - before[1])))


def _cpu_seconds() -> tuple[float, float]:
    """Seconds that all cores were busy, and all seconds. Guest time is already part of user time on Linux."""
    times = psutil.cpu_times()._asdict()
    total = sum(value for name, value in times.items() if not name.startswith("guest"))
    return total - times["idle"] - times.get("iowait", 0.0), total


def _usable_cores(logical: int) -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else logical


def _model_in(text: str) -> str:
    """The first `model name` of /proc/cpuinfo (x86), or ""."""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
