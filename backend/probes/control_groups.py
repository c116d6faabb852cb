"""ControlGroups: what the kernel's control groups (of a container, a service, a batch job) let this process have.

Sources: kernel documentation, admin-guide/cgroup-v2.rst and admin-guide/cgroup-v1/{memory,cgroups}.rst,
scheduler/sched-bwc.rst
"""

from collections.abc import Iterator

from backend.probes.system_files import SystemFiles

GROUPS = "sys/fs/cgroup"
OWN = "proc/self/cgroup"
UNLIMITED = 2**62  # version 1 writes the largest number of pages instead of a word


class ControlGroups:
    """Versions 1 and 2, and both at once. Each limit is the tightest of the own group and those around it.

    Inside a container the path of the own group may be that of the host: what does not exist is passed over, up to
    the root of what is mounted, which is the container's own.
    """

    def __init__(self, files: SystemFiles | None = None) -> None:
        self._files = files or SystemFiles()

    def memory_limit(self) -> int | None:
        """Bytes that may be used; None without a limit."""
        limits = (self._limit(folder) for folder in self._folders("memory"))
        return min((limit for limit in limits if limit is not None), default=None)

    def memory_left(self) -> int | None:
        """Bytes until the nearest limit, what can be reclaimed counted as free; None without a limit."""
        left = [max(0, limit - used) for limit, used in self._uses()]
        return min(left, default=None)

    def memory_used(self) -> int | None:
        """Bytes in use, without what can be reclaimed, of the innermost group that has a limit; None without one."""
        return next((used for _, used in self._uses()), None)

    def cpu_limit(self) -> float | None:
        """Seconds of processor time per second; None without a limit."""
        limits = (self._cores(folder) for folder in self._folders("cpu"))
        return min((limit for limit in limits if limit is not None), default=None)

    def oom_kills(self) -> int | None:
        """Processes killed for want of memory, of the innermost group that counts them; None if none does.

        Version 2 counts those of all groups within, version 1 those of the group itself.
        """
        counts = (self._kills(folder) for folder in self._folders("memory"))
        return next((count for count in counts if count is not None), None)

    def _uses(self) -> Iterator[tuple[int, int]]:
        for folder in self._folders("memory"):
            limit, used = self._limit(folder), self._used(folder)
            if limit is not None and used is not None:
                yield limit, used

    def _folders(self, controller: str) -> Iterator[str]:
        """Those of the own group and its ancestors, innermost first, of whichever version has the controller."""
        for line in self._files.text(OWN).splitlines():
            number, controllers, path = [*line.split(":", 2), "", ""][:3]
            if number == "0":
                yield from _upwards(GROUPS, path)
                yield from _upwards(f"{GROUPS}/unified", path)
            elif controller in controllers.split(","):
                mounted = controllers if self._files.found(f"{GROUPS}/{controllers}") else controller
                yield from _upwards(f"{GROUPS}/{mounted}", path)

    def _limit(self, folder: str) -> int | None:
        limit = self._files.number(f"{folder}/memory.max")  # "max" is no number
        if limit is None:
            limit = self._files.number(f"{folder}/memory.limit_in_bytes")
        return limit if limit is not None and limit < UNLIMITED else None

    def _used(self, folder: str) -> int | None:
        used = self._files.number(f"{folder}/memory.current")
        if used is None:
            used = self._files.number(f"{folder}/memory.usage_in_bytes")
        told = self._files.fields(f"{folder}/memory.stat")
        reclaimable = told.get("total_inactive_file") or told.get("inactive_file") or "0"
        return None if used is None or not reclaimable.isdigit() else max(0, used - int(reclaimable))

    def _kills(self, folder: str) -> int | None:
        count = self._files.count(f"{folder}/memory.events", "oom_kill")
        return self._files.count(f"{folder}/memory.oom_control", "oom_kill") if count is None else count

    def _cores(self, folder: str) -> float | None:
        quota, period = [*self._files.text(f"{folder}/cpu.max").split(), "", ""][:2]
        if not quota:
            quota, period = (self._files.text(f"{folder}/cpu.cfs_{name}_us") for name in ("quota", "period"))
        return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _upwards(root: str, path: str) -> Iterator[str]:
    parts = [part for part in path.split("/") if part not in {"", ".."}]
    for length in range(len(parts), -1, -1):
        yield "/".join([root, *parts[:length]])
