"""From two traces with few layers to what all layers take."""

from collections.abc import Mapping

from backend.trainer.tracing.steps import Taken
from backend.trainer.tracing.tracker import Moment, Parts


def taken_of_all(smaller: Taken, larger: Taken, more: int) -> Taken:
    """What a model takes with `more` groups of layers than in the smaller trace; the larger one has one more."""
    return Taken(
        _segments(smaller.segments, larger.segments, more),
        _parts(smaller.steady, larger.steady, more),
        _parts(smaller.copies, larger.copies, more),
    )


def _parts(smaller: Parts, larger: Parts, more: int) -> Parts:
    return {part: _grown(value, larger[part], more) for part, value in smaller.items()}


def _segments(smaller: Mapping[str, Moment], larger: Mapping[str, Moment], more: int) -> dict[str, Moment]:
    """Every segment that both have; a layer between others never has the most, for bytes grow evenly."""
    return {name: _moment(one, larger[name], more) for name, one in smaller.items() if name in larger}


def _moment(smaller: Moment, larger: Moment, more: int) -> Moment:
    return Moment(_parts(smaller.parts, larger.parts, more), _grown(smaller.large_bytes, larger.large_bytes, more))


def _grown(smaller: int, larger: int, more: int) -> int:
    return max(0, smaller + (larger - smaller) * more)
