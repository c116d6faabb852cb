"""What a reading costs: CPU and wall time, and how far memory grew above what the interpreter had before."""

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_RESET_PEAK = "5"  # Linux: the peak of resident memory becomes what is resident now


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and bytes; `grown_bytes` is 0 where the system does not tell."""

    cpu_seconds: float
    wall_seconds: float
    grown_bytes: int


def measured(work: Callable[[], T]) -> tuple[T, Cost]:
    """The result of some work and its cost to this process, all threads included."""
    forget_peak()
    before, wall, cpu = resident_bytes(), time.perf_counter(), time.process_time()
    result = work()
    cost = Cost(time.process_time() - cpu, time.perf_counter() - wall, max(0, peak_bytes() - before))
    return result, cost


def cpu_of(pid: int) -> float:
    """User and system seconds of another process."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def forget_peak(pid: str = "self") -> None:
    """Begin a new peak; does nothing where the system has no such switch."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return


def resident_bytes(pid: str = "self") -> int:
    """Memory now."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: str = "self") -> int:
    """The most memory since the last `forget_peak`."""
    return _status(pid, "VmHWM")


def _status(pid: str, name: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else 0
