"""How much main memory is left for us, and how much a process has."""

from pathlib import Path

import psutil

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def available_bytes() -> int:
    """What can be used without swapping: the machine's MemAvailable, or less where a control group has a limit."""
    machine = int(psutil.virtual_memory().available)
    group = _left_in_group(_GROUPS, _OWN_GROUP)
    return machine if group is None else min(machine, group)


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
    try:
        name = next(line[3:] for line in own.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return None
    folder = groups / name.lstrip("/")
    found = [left for place in (folder, *folder.parents) if (left := _left_in(place)) is not None]
    return min(found, default=None)


def _left_in(folder: Path) -> int | None:
    try:
        limit = (folder / "memory.max").read_text().strip()
        if limit == "max":
            return None
        used = int((folder / "memory.current").read_text())
        fields = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, int(limit) - used + int(fields.get("inactive_file", 0)))
    except (OSError, ValueError):
        return None
