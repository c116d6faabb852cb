"""RunUsage: what one run's devices and its machine do, under the tags of its curves."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from backend.domain.machine import Gpu
from backend.probes.energy import ProcessorEnergy
from backend.probes.memory import tree_bytes, used_bytes
from backend.probes.nvidia import NvidiaDriver


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading. `joules` were used since the previous reading, where power was measured; None if nowhere."""

    values: dict[str, float]
    joules: float | None = None


class RunUsage:
    """Reads are cheap and draw no random numbers; what a driver or the system does not give is left out.

    `gpus` are the devices of the run: from their bare uuid to their number among them. `pid` is the process
    whose descendants are all of the trainer. For one thread.
    """

    def __init__(
        self,
        folder: Path,
        pid: int,
        gpus: Mapping[str, int],
        nvidia: NvidiaDriver | None = None,
        processor: ProcessorEnergy | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._pid = pid
        self._gpus = gpus
        self._nvidia = nvidia or NvidiaDriver()
        self._processor = processor or ProcessorEnergy()
        self._clock = clock
        self._at: float | None = None
        self._cpu = (0.0, 0.0)
        self._counters: dict[int, float] = {}

    def read(self) -> Usage:
        """The machine now; rates are over the time since the previous call, and absent in the first."""
        now = self._clock()
        seconds = None if self._at is None else now - self._at
        self._at = now
        own = self._own_gpus()
        values = {tag: value for number, gpu in own.items() for tag, value in _of_gpu(number, gpu).items()}
        values |= self._of_machine(seconds)
        joules = self._joules(own, seconds)
        if joules is not None and seconds:
            values["system/power_watts"] = joules / seconds
        return Usage(values, joules)

    def _own_gpus(self) -> dict[int, Gpu]:
        if not self._gpus:
            return {}
        found = {self._gpus.get(bare(gpu.uuid)): gpu for gpu in self._nvidia.read().gpus}
        return {number: gpu for number, gpu in found.items() if number is not None}

    def _of_machine(self, seconds: float | None) -> dict[str, float]:
        busy = self._busy_percent()
        found = {
            "system/cpu_percent": busy if seconds else None,
            "system/memory_bytes": used_bytes(),
            "system/trainer_memory_bytes": tree_bytes(self._pid),
            "system/disk_free_bytes": _free_bytes(self._folder),
        }
        return {tag: float(value) for tag, value in found.items() if value is not None}

    def _busy_percent(self) -> float | None:
        before, self._cpu = self._cpu, _cpu_seconds()
        busy, total = (now - then for now, then in zip(self._cpu, before, strict=True))
        return min(100.0, max(0.0, 100 * busy / total)) if total > 0 else None

    def _joules(self, own: Mapping[int, Gpu], seconds: float | None) -> float | None:
        parts = [self._of_device(number, gpu, seconds) for number, gpu in own.items()]
        known = [part for part in (*parts, self._processor.joules()) if part is not None]
        return sum(known) if known else None

    def _of_device(self, number: int, gpu: Gpu, seconds: float | None) -> float | None:
        """By the device's own counter, else its power over the time since the previous reading."""
        if gpu.energy_joules is not None:
            before = self._counters.get(number, gpu.energy_joules)
            self._counters[number] = gpu.energy_joules
            return max(0.0, gpu.energy_joules - before)
        return None if gpu.power_watts is None else gpu.power_watts * (seconds or 0.0)


def _of_gpu(number: int, gpu: Gpu) -> dict[str, float]:
    found = {
        "memory_bytes": gpu.memory_used_bytes,
        "utilization_percent": gpu.busy_percent,
        "power_watts": gpu.power_watts,
        "temperature_celsius": gpu.temperature_celsius,
    }
    return {f"gpu/{number}/{name}": float(value) for name, value in found.items() if value is not None}


def bare(uuid: str) -> str:
    """The driver writes GPU-8f0c...; torch writes 8f0c..."""
    return uuid.removeprefix("GPU-").lower()


def _cpu_seconds() -> tuple[float, float]:
    """Seconds that all cores were busy, and all seconds. Guest time is already part of user time on Linux."""
    times = psutil.cpu_times()._asdict()
    total = sum(value for name, value in times.items() if not name.startswith("guest"))
    return total - times["idle"] - times.get("iowait", 0.0), total


def _free_bytes(folder: Path) -> int | None:
    try:
        return int(psutil.disk_usage(str(folder)).free)
    except OSError:
        return None
