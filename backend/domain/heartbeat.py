"""The trainer's sign of life, written by the trainer alone and read by everybody else."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache

from pydantic import TypeAdapter, ValidationError


class Phase(StrEnum):
    """What a trainer does right now."""

    LOADING = "loading"
    BUILDING = "building"
    PREPARING = "preparing"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`at`: UTC seconds since the epoch; `phase_progress`: a share from 0 to 1, None if unknown."""

    token: str
    attempt: int
    pid: int
    phase: Phase
    step: int
    total_steps: int
    at: float
    detail: str = ""
    phase_progress: float | None = None
    seconds_per_step: float | None = None
    loss: float | None = None

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Heartbeat | None":
        """None for a text that is no heartbeat (torn, empty, foreign)."""
        try:
            return _reader().validate_json(text)
        except ValidationError:
            return None


@cache
def _reader() -> TypeAdapter[Heartbeat]:
    return TypeAdapter(Heartbeat)
