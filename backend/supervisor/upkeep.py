"""What a supervisor does for its run's disk while the trainer works: logs are capped, room is watched."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from backend.domain.disk_room import Room
from backend.domain.ports import Clock
from backend.domain.run_directory import RunDirectory
from backend.store.leftovers import sweep
from backend.store.log_files import cap

LOOK_SECONDS = 1.0
RESERVE_BYTES = 1_000_000  # a transaction of the store and its log, and record.json, many times over
LOOKS = 2  # a checkpoint that is written and one that is about to be deleted take room together for a moment
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Upkeep:
    """`measure` tells the room now, or None if that cannot be told."""

    folder: RunDirectory
    log_max_bytes: int
    measure: Callable[[], Room | None]
    clock: Clock
    _looked_at: float | None = field(default=None, init=False)
    _num_short: int = field(default=0, init=False)

    def cap_logs(self, attempt: int) -> None:
        """Keep the attempt's log and our own within their limit; costs two stats if they are."""
        for log in (self.folder.log(attempt), self.folder.supervisor_log):
            try:
                if dropped := cap(log, self.log_max_bytes):
                    _log.info("%s was cut; %d bytes were dropped", log.name, dropped)
            except FileNotFoundError:
                continue
            except OSError as error:
                _log.warning("%s was cut without a copy of its end: %s", log.name, error)

    def hold_reserve(self) -> None:
        """Take room while there is some, so that the end of an attempt that fills the disk can be recorded."""
        try:
            with self.folder.reserve.open("wb") as file:
                file.write(bytes(RESERVE_BYTES))
        except OSError as error:
            _log.warning("no room was reserved: %s", error)

    def clear_leftovers(self) -> None:
        """Give back what a dead trainer left half-written, and the reserve."""
        sweep(self.folder.checkpoints)
        sweep(self.folder.root)
        self.free_reserve()

    def free_reserve(self) -> None:
        """Give back what was reserved: on a full disk the store waits for room, and with it the run."""
        with suppress(OSError):
            self.folder.reserve.unlink(missing_ok=True)

    def shortage(self) -> Room | None:
        """The room if it was too short at each of the last looks, which are a second apart; else None."""
        now = self.clock.monotonic()
        if self._looked_at is not None and now - self._looked_at < LOOK_SECONDS:
            return None
        self._looked_at = now
        room = self.measure()
        self._num_short = self._num_short + 1 if room is not None and room.is_short else 0
        return room if self._num_short >= LOOKS else None
