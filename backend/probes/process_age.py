"""How long this process has lived, to a hundredth of a second where the system tells it so exactly."""

import os
import sys
import time
from pathlib import Path

import psutil

START_TICKS = 19  # proc(5): field 22 of /proc/PID/stat, counted after the name in parentheses


def process_age_seconds() -> float:
    """Seconds since this process was started, its interpreter and imports included.

    On Linux from the kernel's own clock: psutil's creation time rests on the boot time in whole seconds.
    """
    if sys.platform != "linux":
        return max(0.0, time.time() - psutil.Process().create_time())
    fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    started = int(fields[START_TICKS]) / os.sysconf("SC_CLK_TCK")
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started)
