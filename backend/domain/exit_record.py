"""How an attempt ended by the trainer's own account, written as its last act."""

import json
from dataclasses import asdict, dataclass, field
from functools import cache

from pydantic import JsonValue, TypeAdapter, ValidationError


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a trainer asks for: another attempt from a checkpoint of `good_step` or before, with changed orders."""

    good_step: int
    changes: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class ExitRecord:
    """`code` is the process exit code; the texts are an Explanation's, empty for a good end.

    `changes` are what the trainer asks the supervisor to change before it starts the next attempt, by dotted
    keys of the RunConfig; then `good_step` is the last step that is worth going on from.
    """

    code: int
    step: int
    error_id: str = ""
    what: str = ""
    why: str = ""
    fix: str = ""
    changes: dict[str, JsonValue] = field(default_factory=dict)
    good_step: int | None = None

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
