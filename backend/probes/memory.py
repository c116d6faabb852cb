"""How much main memory is left for us, how much is used, and how much a process has."""

import psutil

from backend.domain.machine import Memory
from backend.probes.control_groups import ControlGroups
from backend.probes.system_files import SystemFiles

KIBIBYTE = 1024


def read_memory(files: SystemFiles) -> Memory:
    """Main memory and swap, of the machine or of the control group with the tightest limit."""
    groups, (total, available, swap_total, swap_used) = ControlGroups(files), _of_machine(files)
    limit, left = groups.memory_limit(), groups.memory_left()
    if limit is None or limit >= total:
        return Memory(total, min(available, total), swap_total, swap_used)
    available = min(available, limit if left is None else left)
    return Memory(limit, available, swap_total, swap_used, limit_bytes=limit, machine_bytes=total)


def available_bytes() -> int:
    """What can be used without swapping: the machine's MemAvailable, or less where a control group has a limit."""
    return read_memory(SystemFiles()).available_bytes


def used_bytes(files: SystemFiles | None = None) -> int:
    """What could not be given to a new program: of the innermost control group with a limit, else of the machine."""
    group = ControlGroups(files).memory_used()
    if group is not None:
        return group
    machine = psutil.virtual_memory()
    return int(machine.total - machine.available)


def resident_bytes(pid: int) -> int | None:
    """Resident memory of a process, pages that it shares with others included; None if it is gone."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None


def tree_bytes(pid: int) -> int | None:
    """Resident memory of a process with its descendants, shared pages counted for each; None if it is gone."""
    try:
        found = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return None
    sizes = [size for process in found if (size := resident_bytes(process.pid)) is not None]
    return sum(sizes) if sizes else None


def _of_machine(files: SystemFiles) -> tuple[int, int, int, int]:
    """Total, available, swap, swap in use; bytes. /proc/meminfo counts in KiB (proc(5))."""
    told = files.fields("proc/meminfo")
    try:
        total, available, swap, free = (
            int(told[name].split()[0]) * KIBIBYTE for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")
        )
    except (KeyError, ValueError, IndexError):
        main, swapped = psutil.virtual_memory(), psutil.swap_memory()
        return main.total, main.available, swapped.total, swapped.used
    return total, available, swap, swap - free
