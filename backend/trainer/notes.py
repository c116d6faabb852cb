"""The trainer's own words: into its log, the event file, and a file that the supervisor copies into the journal."""

from pathlib import Path

from backend.domain.remarks import Remark
from backend.trainer import ranks
from backend.trainer.curves import EventFile
from backend.trainer.say import say


class Notes:
    """Appends to one attempt's file; it has no other writer. A disk that takes no note stops no training."""

    def __init__(self, file: Path, events: EventFile) -> None:
        self._file = file
        self._events = events

    def add(self, remark: Remark) -> None:
        """Say it everywhere; only the first of several processes does."""
        if not ranks.is_first():
            return
        say(remark.sentence())
        self._events.add_text(remark.step, {f"guards/{remark.guard or 'notes'}": remark.sentence()})
        try:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(remark.to_json() + "\n")
        except OSError as error:
            say(f"the remark could not be written: {error}")
