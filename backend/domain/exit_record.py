"""How an attempt ended by the trainer's own account, written as its last act."""

import json
from dataclasses import asdict, dataclass
from functools import cache

from pydantic import TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """`code` is the process exit code; the texts are an Explanation's, empty for a good end."""

    code: int
    step: int
    error_id: str = ""
    what: str = ""
    why: str = ""
    fix: str = ""

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ExitRecord | None":
        """None for a text that is no exit record."""
        try:
            return _reader().validate_json(text)
        except ValidationError:
            return None


@cache
def _reader() -> TypeAdapter[ExitRecord]:
    return TypeAdapter(ExitRecord)
