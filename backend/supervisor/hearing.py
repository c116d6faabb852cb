"""What the trainer remarks, copied into the journal while it trains."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.remarks import Remark

MOST_LINES = 200  # of one attempt; the file itself has them all
_MOST_BYTES = 1_000_000


@dataclass(slots=True)
class Hearing:
    """Reads what is new in one attempt's file of remarks.

    A torn last line is read when it is whole. A sentence that the journal has already is not told again,
    whichever supervisor told it.
    """

    file: Path
    journal: Callable[[], list[str]]
    tell: Callable[[str], None]
    _offset: int = field(default=0, init=False)
    _told: set[str] | None = field(default=None, init=False)
    _num_told: int = field(default=0, init=False)

    def listen(self) -> None:
        """Tell what is new."""
        for remark in self._new():
            told = self._told = set(self.journal()) if self._told is None else self._told
            sentence = remark.sentence()
            if sentence not in told and self._num_told < MOST_LINES:
                self.tell(sentence)
                told.add(sentence)
                self._num_told += 1

    def _new(self) -> list[Remark]:
        try:
            with self.file.open("rb") as file:
                file.seek(self._offset)
                data = file.read(_MOST_BYTES)
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        if not whole and len(data) == _MOST_BYTES:
            whole = data  # no line of ours is that long
        self._offset += len(whole)
        return [remark for line in whole.splitlines() if (remark := Remark.from_json(line))]
