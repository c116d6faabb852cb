"""Writing checkpoints beside the training: the loop waits for copies only, never for the disk."""

import threading
from collections.abc import Callable
from pathlib import Path

from backend.store.checkpoints import MANIFEST, sealed, write_manifest_text
from backend.store.files import replace_text
from backend.trainer.attempt import OwnAttempt
from backend.trainer.curves import EventFile
from backend.trainer.imports import remember_imports
from backend.trainer.snapshot import Snapshot
from backend.trainer.staging import remove, staged

BEAT_SECONDS = 0.2


class Saver:
    """Writes one checkpoint at a time in a thread of its own: sealed last, renamed if the run is still ours.

    A second one waits for the first. What goes wrong is raised to the loop at its next safe place. Only after a new
    one is sealed and in its place are checkpoints beyond `keep` deleted: never that one, nor those of the steps that
    `protected` names.
    """

    def __init__(
        self,
        attempt: OwnAttempt,
        events: EventFile,
        keep: int,
        protected: Callable[[], frozenset[int]] = frozenset,
    ) -> None:
        self._folder = attempt.run.checkpoints
        self._attempt = attempt
        self._events = events
        self._keep = keep
        self._protected = protected
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._has_saved = False

    def save(self, snapshot: Snapshot, waiting: Callable[[], None]) -> None:
        """Begin to write; `waiting` is called while the one before is not done yet. Raises as `check`."""
        self.wait(waiting)
        spared = self._protected()
        name = f"checkpoint-{snapshot.step}"
        self._thread = threading.Thread(target=self._write, args=(snapshot, spared), name=name, daemon=True)
        self._thread.start()

    def wait(self, waiting: Callable[[], None] = lambda: None) -> None:
        """Until what was begun is on the disk. Raises as `check`."""
        if self._thread is not None:
            while self._thread.is_alive():
                self._thread.join(BEAT_SECONDS)
                waiting()
            self._thread = None
        self.check()

    def check(self) -> None:
        """Raise what went wrong: DiskFull, NotWritten, AttemptSuperseded."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _write(self, snapshot: Snapshot, spared: frozenset[int]) -> None:
        try:
            target = self._folder / f"checkpoint-{snapshot.step}"
            with staged(target, before_rename=lambda place: self._seal(place, snapshot.step)) as place:
                snapshot.write(place)
            if not self._has_saved:
                remember_imports(self._attempt.run.imports)
                self._has_saved = True
            self._rotate(spared | {snapshot.step})
        except BaseException as error:  # noqa: BLE001 - carried over to the loop, which raises it
            self._error = error

    def _seal(self, place: Path, step: int) -> None:
        self._events.sync()
        replace_text(place / MANIFEST, write_manifest_text(place, step))
        self._attempt.check_fence()

    def _rotate(self, spared: frozenset[int]) -> None:
        for checkpoint in sealed(self._folder)[self._keep :]:
            if checkpoint.step not in spared:
                remove(checkpoint.path)
