"""JournalBridge: what any program wrote about runs into the store becomes events of this program."""

import threading

from backend.domain.events import Event, RunAdded, RunChanged, RunRemoved
from backend.domain.ports import RunStore
from backend.domain.run import Run
from backend.services.event_bus import EventBus


class JournalBridge:
    """Safe from any thread. A look costs microseconds if nothing changed, and one listing of the runs if something did.

    Runs written by the command line, by supervisors and by other dashboards are found by comparing with the look
    before, so that exactly what differs is told, once. A run that changed twice between two looks is told once.
    """

    def __init__(self, store: RunStore, bus: EventBus) -> None:
        self._store = store
        self._bus = bus
        self._lock = threading.RLock()  # a handler may look, too
        self._seen: tuple[int, dict[str, Run]] | None = None

    def look(self) -> int:
        """Publish what changed since the last look, and say how much; the first one only takes note.

        Raises StorageError, and then tells the same at the next look.
        """
        with self._lock:
            version = self._store.version()
            if self._seen is not None and self._seen[0] == version:
                return 0
            now = {run.id: run for run in self._store.list()}  # may be newer than the number: then we look once more
            before = self._seen[1] if self._seen is not None else now
            self._seen = version, now
            events = _changes(before, now)
            for event in events:
                self._bus.publish(event)
            return len(events)


def _changes(before: dict[str, Run], now: dict[str, Run]) -> list[Event]:
    events: list[Event] = [RunRemoved(run.id, run.run_dir) for run in before.values() if run.id not in now]
    for run in now.values():
        known = before.get(run.id)
        if known is None:
            events.append(RunAdded(run.id, run.state))
        elif known is not run and known != run:
            events.append(RunChanged(run.id, run.state))
    return events
