"""Evidence that the kernel killed a process for want of memory (Linux)."""

from pathlib import Path

_VMSTAT = Path("/proc/vmstat")
_OWN_CGROUP = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")
_UNIFIED = "0::"  # begins the line of the cgroup v2 hierarchy (cgroups(7))


def oom_kills(vmstat: Path = _VMSTAT, own_cgroup: Path = _OWN_CGROUP, cgroups: Path = _CGROUPS) -> int | None:
    """How many processes the kernel has killed for want of memory; None if unknown.

    Of our own cgroup (v2) if that counts: its trainer is in it, whichever limit was hit. Else of the whole machine;
    two such readings around a SIGKILL that differ are evidence, no proof: all containers are counted together.
    """
    in_cgroup = _count(events, "oom_kill ") if (events := _events(own_cgroup, cgroups)) else None
    return _count(vmstat, "oom_kill ") if in_cgroup is None else in_cgroup


def _events(own_cgroup: Path, cgroups: Path) -> Path | None:
    """The memory.events of our cgroup v2, if there is one; the root cgroup has none."""
    line = next((line for line in _lines(own_cgroup) if line.startswith(_UNIFIED)), None)
    return cgroups / line.removeprefix(_UNIFIED).lstrip("/") / "memory.events" if line else None


def _count(file: Path, name: str) -> int | None:
    return next((int(line.split()[1]) for line in _lines(file) if line.startswith(name)), None)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
