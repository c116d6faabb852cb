"""Evidence that the kernel killed a process for want of memory (Linux)."""

from pathlib import Path

_VMSTAT = Path("/proc/vmstat")


def oom_kills(vmstat: Path = _VMSTAT) -> int | None:
    """How many processes the kernel has killed for want of memory since boot; None if unknown.

    Two readings around a SIGKILL that differ are evidence, no proof: all containers are counted together.
    """
    try:
        lines = vmstat.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)
