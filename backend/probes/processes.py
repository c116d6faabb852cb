"""What the kernel tells of a process that a driver names: what it is called and who started it."""

from backend.domain.machine import GpuProcess
from backend.probes.system_files import SystemFiles

MOST_ANCESTORS = 32


def gpu_process(files: SystemFiles, pid: int, memory_bytes: int | None) -> GpuProcess:
    """Without a name where we cannot see it: it ended, or it is outside our container."""
    ancestors: list[int] = []
    seen = pid
    while len(ancestors) < MOST_ANCESTORS and (seen := _parent(files, seen)) > 1:
        ancestors.append(seen)
    return GpuProcess(pid, memory_bytes, files.text(f"proc/{pid}/comm"), tuple(ancestors))


def _parent(files: SystemFiles, pid: int) -> int:
    """proc(5): the fourth field of /proc/PID/stat, the second after the name in parentheses; 0 if there is none."""
    fields = files.text(f"proc/{pid}/stat").rpartition(")")[2].split()
    return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else 0
