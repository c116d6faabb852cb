"""Evidence that the kernel killed a process for want of memory (Linux)."""

from backend.probes.control_groups import ControlGroups
from backend.probes.system_files import SystemFiles

VMSTAT = "proc/vmstat"


def oom_kills(files: SystemFiles | None = None) -> int | None:
    """How many processes the kernel has killed for want of memory; None if unknown.

    Of our own control group if that counts: its trainer is in it, whichever limit was hit. Else of the whole machine;
    two such readings around a SIGKILL that differ are evidence, no proof: all containers are counted together.
    """
    system = files or SystemFiles()
    in_group = ControlGroups(system).oom_kills()
    return system.count(VMSTAT, "oom_kill") if in_group is None else in_group
