"""Whose the programs on a GPU are. Pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from backend.domain.machine import GpuProcess, HardwareSnapshot
from backend.domain.run_view import RunView


@dataclass(frozen=True, slots=True)
class Owner:
    """A run, by its id and name; or, without an id, the studio itself."""

    name: str
    run_id: str | None = None


def owners(views: Iterable[RunView], own_pid: int) -> Mapping[int, Owner]:
    """By the pid of a process that runs or the dashboard (`own_pid`) started; their descendants are theirs too."""
    found = {own_pid: Owner("the studio, such as its chat")}
    for view in views:
        pids = (view.supervisor_pid, view.trainer_pid, view.standby_pid)
        found |= {pid: Owner(view.name, view.id) for pid in pids if pid is not None}
    return found


def program_owners(now: HardwareSnapshot, active: Callable[[], Iterable[RunView]], own_pid: int) -> Mapping[int, Owner]:
    """Those of the programs on the GPUs of a machine; no run is looked up where there is no program."""
    is_used = any(gpu.processes for gpu in (*now.gpus, *now.other_gpus))
    return owners(active(), own_pid) if is_used else {}


def owner_of(process: GpuProcess, known: Mapping[int, Owner]) -> Owner | None:
    """The nearest one; None for a program that we did not start."""
    return next((known[pid] for pid in (process.pid, *process.ancestors) if pid in known), None)
