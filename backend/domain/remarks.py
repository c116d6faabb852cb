"""What a trainer has to say while it trains: lines of a file that its supervisor copies into the journal."""

import json
from dataclasses import asdict, dataclass
from functools import cache

from pydantic import TypeAdapter, ValidationError

MOST_ROWS = 32
MOST_CHARACTERS = 600


@dataclass(frozen=True, slots=True)
class Remark:
    """`rows` are numbers of training rows from 1, in the order of the batch; empty if none are to blame or known."""

    step: int
    text: str
    guard: str = ""
    rows: tuple[int, ...] = ()

    def sentence(self) -> str:
        """The journal's line."""
        about = f"{self.guard} at step {self.step}: " if self.guard else f"step {self.step}: "
        rows = f" ({row_names(self.rows)})" if self.rows else ""
        return " ".join(f"{about}{self.text[:MOST_CHARACTERS]}{rows}".split())

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> "Remark | None":
        """None for a line that is no remark."""
        try:
            return _reader().validate_json(line)
        except ValidationError:
            return None


def row_names(rows: tuple[int, ...]) -> str:
    """Rows for a sentence: "training rows 3, 17"."""
    named = ", ".join(map(str, rows[:MOST_ROWS])) + (", ..." if len(rows) > MOST_ROWS else "")
    return f"training row{'s' if len(rows) > 1 else ''} {named}" if rows else "unknown rows"


@cache
def _reader() -> TypeAdapter[Remark]:
    return TypeAdapter(Remark)
