"""The spare process that waits for the next run, in one line."""

from typing import assert_never

from app.components.sizes import in_bytes
from backend.services.spare import SpareState


def spare_line(state: SpareState, size_bytes: int | None) -> str:
    """What there is, and the memory that it takes as measured."""
    size = "an unknown amount of memory" if size_bytes is None else f"{in_bytes(size_bytes)} of memory"
    match state:
        case SpareState.OFF:
            return "No process waits for the next run: the setting spare is off."
        case SpareState.NONE:
            return "No process waits for the next run now; it starts cold."
        case SpareState.SHORT:
            return "No process waits for the next run, because memory is short; it starts cold."
        case SpareState.STARTING:
            return f"A process for the next run is being prepared; it takes {size} so far."
        case SpareState.READY:
            return f"A process waits for the next run, with everything imported; it takes {size}."
        case _:
            assert_never(state)
