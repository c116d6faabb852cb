"""From two traces with few layers to what all layers take."""

from collections.abc import Mapping

from backend.trainer.tracing.steps import Taken
from backend.trainer.tracing.tracker import Parts


def taken_of_all(smaller: Taken, larger: Taken, more: int) -> Taken:
    """What a model takes with `more` groups of layers than in the smaller trace; the larger one has one more."""
    return Taken(
        _segments(smaller.segments, larger.segments, more),
        _parts(smaller.steady, larger.steady, more),
        _parts(smaller.copies, larger.copies, more),
    )


def _parts(smaller: Parts, larger: Parts, more: int) -> Parts:
    return {part: max(0, value + (larger[part] - value) * more) for part, value in smaller.items()}


def _segments(smaller: Mapping[str, Parts], larger: Mapping[str, Parts], more: int) -> dict[str, Parts]:
    """Every segment that both have; a layer between others never has the most, for bytes grow evenly."""
    return {name: _parts(parts, larger[name], more) for name, parts in smaller.items() if name in larger}
