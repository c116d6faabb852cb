"""RunQueue: what a person does to runs that wait: reorder them, hold them back, let them wait for others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from backend.domain.devices import Devices
from backend.domain.places import Need, Places, need_of
from backend.domain.ports import Processes, RunStore
from backend.domain.queue import is_held, line, reordered, waits
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.domain.transition import Requeueing
from backend.errors import NotFoundError
from backend.services.errors import QueueCircle, RunNotWaiting
from backend.services.scheduler import devices_in
from backend.store.files import read_text

_MOST_LINKS = 10_000  # runs wait for runs that wait for runs


@dataclass(frozen=True, slots=True)
class Waiting:
    """The runs in the order in which they start, and those that are held back, newest first."""

    line: tuple[Run, ...] = ()
    held: tuple[Run, ...] = ()


class RunQueue:
    """Every change is one transaction; what is free after it is given out at once."""

    def __init__(self, store: RunStore, processes: Processes) -> None:
        self._store = store
        self._processes = processes
        self._devices: Mapping[str, tuple[str, Devices]] = {}  # of the runs that were asked about last

    def waiting(self) -> Waiting:
        """Who waits."""
        runs = self._store.list()
        return Waiting(line(runs), tuple(run for run in runs if is_held(run)))

    def needs(self, runs: Iterable[Run], *, has_gpus: bool) -> dict[str, Need]:
        """By run id, which places each takes on this machine; of a run.yaml that cannot be read, those of a default."""
        before, places = self._devices, Places((), has_gpus)
        self._devices = found = {run.id: _devices_of(run, before.get(run.id)) for run in runs}
        return {run_id: need_of(devices, places) for run_id, (_, devices) in found.items()}

    def move(self, run_id: str, position: int) -> None:
        """Put a run at a position of the line, 1 for the head. Raises RunNotFound, RunNotWaiting."""
        ranks = reordered(self._line_with(run_id), run_id, position)
        moved = f"moved to place {position} of the queue"
        self._store.requeue(
            [
                Requeueing(other, moved if other == run_id else "", rank.priority, rank.queued_at)
                for other, rank in ranks.items()
            ]
        )
        self._processes.reconcile()

    def set_priority(self, run_id: str, priority: int) -> None:
        """Of two waiting runs the one with the higher priority starts first. Raises RunNotFound, RunNotWaiting."""
        self._queued(run_id, "given another priority")
        self._store.requeue([Requeueing(run_id, f"priority set to {priority}", priority=priority)])
        self._processes.reconcile()

    def hold(self, run_id: str) -> Run:
        """Keep a waiting run from starting until it is released. Raises RunNotFound, RunNotWaiting."""
        run = self._queued(run_id, "held back")
        if run.wish is Wish.RUN:
            self._store.set_wish(run_id, Wish.PAUSE, "Hold was asked for.")
            self._processes.start(run_id)
        return self._store.get(run_id)

    def release(self, run_id: str) -> Run:
        """Let a held run wait for its turn again. Raises RunNotFound, RunNotWaiting."""
        run = self._queued(run_id, "released")
        if run.wish is Wish.PAUSE:
            self._store.set_wish(run_id, Wish.RUN, "Release was asked for.")
            self._processes.start(run_id)
        return self._store.get(run_id)

    def wait_for(self, run_id: str, other: str) -> None:
        """Start a run only after another one has finished; "" for none.

        Raises RunNotFound, RunNotWaiting, QueueCircle.
        """
        self._queued(run_id, "made to wait for another one")
        if other:
            self._check_chain(run_id, other)
        reason = f"starts after {other}" if other else "waits for no other run"
        self._store.requeue([Requeueing(run_id, reason, after=other)])
        self._processes.reconcile()

    def _queued(self, run_id: str, action: str) -> Run:
        """A run that waits or is held. Raises RunNotWaiting."""
        run = self._store.get(run_id)
        is_new = run.state in (RunState.CREATED, RunState.QUEUED) and not run.slots
        if not (waits(run) or is_held(run) or is_new):
            raise RunNotWaiting(run_id=run_id, state=run.state.value, action=action)
        return run

    def _line_with(self, run_id: str) -> tuple[Run, ...]:
        """The line, which the run is in. Raises RunNotFound, RunNotWaiting."""
        waiting = line(self._store.unsettled())
        if all(run.id != run_id for run in waiting):
            raise RunNotWaiting(run_id=run_id, state=self._store.get(run_id).state.value, action="moved")
        return waiting

    def _check_chain(self, run_id: str, other: str) -> None:
        link = self._store.get(other)
        for _ in range(_MOST_LINKS):
            if link.id == run_id:
                raise QueueCircle(run_id=run_id, other=other)
            if not link.after:
                return
            try:
                link = self._store.get(link.after)
            except NotFoundError:  # deleted: the chain ends there
                return


def _devices_of(run: Run, known: tuple[str, Devices] | None) -> tuple[str, Devices]:
    """The text of its run.yaml with what it asks for; a text is taken apart once."""
    text = read_text(RunDirectory(run.run_dir).config) or ""
    return known if known is not None and known[0] == text else (text, devices_in(text))
