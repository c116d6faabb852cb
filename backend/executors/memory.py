"""How much main memory is left for us, how much is used, and how much a process has."""

from collections.abc import Callable
from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def available_bytes() -> int:
    """What can be used without swapping: the machine's MemAvailable, or less where a control group has a limit."""
    machine = int(psutil.virtual_memory().available)
    group = _left_in_group(_GROUPS, _OWN_GROUP)
    return machine if group is None else min(machine, group)


def used_bytes() -> int:
    """What could not be given to a new program: of the nearest control group that has a limit, else of the machine."""
    group = _of_group(_GROUPS, _OWN_GROUP, _used_in)
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


def _left_in_group(groups: Path, own: Path) -> int | None:
    """Of the nearest limits of cgroup v2 (kernel: admin-guide/cgroup-v2.rst), what can be reclaimed counted as free."""
    return min(_in_groups(groups, own, _left_in), default=None)


def _of_group(groups: Path, own: Path, read: Callable[[Path], int | None]) -> int | None:
    """Of the nearest group that has a limit."""
    return next(iter(_in_groups(groups, own, read)), None)


def _in_groups(groups: Path, own: Path, read: Callable[[Path], int | None]) -> list[int]:
    try:
        name = next(line[3:] for line in own.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return []
    folder = groups / name.lstrip("/")
    return [found for place in (folder, *folder.parents) if (found := read(place)) is not None]


def _left_in(folder: Path) -> int | None:
    limit, used = _limit_of(folder), _used_in(folder)
    return None if limit is None or used is None else max(0, limit - used)


def _used_in(folder: Path) -> int | None:
    """None for a group without a limit too."""
    try:
        used = int((folder / "memory.current").read_text())
        fields = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        reclaimable = int(fields.get("inactive_file", 0))
    except (OSError, ValueError):
        return None
    return None if _limit_of(folder) is None else used - reclaimable


def _limit_of(folder: Path) -> int | None:
    try:
        limit = (folder / "memory.max").read_text().strip()
        return None if limit == "max" else int(limit)
    except (OSError, ValueError):
        return None
