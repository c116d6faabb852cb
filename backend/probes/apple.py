"""Apple's GPUs, which share the main memory of their processor; the system tells little of them without root."""

import subprocess
import sys
from collections.abc import Callable

from backend.domain.machine import Gpu, Maker

IS_MACOS = sys.platform == "darwin"
SYSCTL = "/usr/sbin/sysctl"
TIMEOUT_SECONDS = 5.0
Sysctl = Callable[[str], str]


def sysctl(name: str) -> str:
    """What the program of that name tells (section 8 of the manual); "" where there is none."""
    if not IS_MACOS:
        return ""
    try:
        told = subprocess.run((SYSCTL, "-n", name), capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.decode(errors="replace").strip()


def apple_gpus(ask: Sysctl = sysctl) -> tuple[Gpu, ...]:
    """The one GPU of Apple silicon; none on older machines of theirs and on all others."""
    name, memory = ask("machdep.cpu.brand_string"), ask("hw.memsize")
    if not name.startswith("Apple "):
        return ()
    total = int(memory) if memory.isdigit() else None
    return (Gpu(0, f"{name} GPU", "apple-0", total, maker=Maker.APPLE, memory_is_shared=True),)
