"""How near forecasts come, judged honestly: a run's own measurement never takes part in its forecast."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.domain.memory_calibration import forecast
from backend.domain.memory_forecast import MemoryForecast
from backend.domain.memory_line import UNKNOWN, Fitted, Line, MeasuredPeak, is_plausible, place_of
from backend.domain.memory_order import kind_of as order_kind
from backend.domain.run_config import RunConfig
from scripts.benchmarks.memory.keeping import Found
from scripts.benchmarks.memory.trial import settings

DEVICE = "cpu"


@dataclass(frozen=True, slots=True)
class Judged:
    """Relative errors of one way to forecast: forecast / measured - 1, in the order of the combinations."""

    title: str
    errors: tuple[float, ...]
    covered: float | None = None

    @property
    def median(self) -> float:
        """Of the absolute errors."""
        return statistics.median(abs(error) for error in self.errors)

    @property
    def p95(self) -> float:
        """95th percentile of the absolute errors, by the nearest rank."""
        ordered = sorted(abs(error) for error in self.errors)
        return ordered[max(0, -(-95 * len(ordered) // 100) - 1)]

    @property
    def lowest(self) -> float:
        """The forecast that was most too low; 0 if none was."""
        return min(0.0, *self.errors)

    @property
    def highest(self) -> float:
        """The forecast that was most too high."""
        return max(self.errors)


def kind_of(found: Found) -> str:
    """The key of a measured peak, as the studio's own forecasts make it."""
    one = found.combination
    config = RunConfig.model_validate(settings(one) | {"base_model": one.family, "dataset": {"path": "rows.jsonl"}})
    return order_kind(config, found.records[0].model_type, found.heap)


def blank(found: Found) -> Line:
    """What was guessed for such a run before anything of the grid was measured."""
    return UNKNOWN[place_of(DEVICE, kind_of(found))]


def peak_of(found: Found) -> MeasuredPeak:
    """As a later forecast would read it."""
    assert found.trace is not None
    return MeasuredPeak(found.trace, found.measured_bytes, DEVICE, kind_of(found))


def raw(found: Sequence[Found]) -> Judged:
    """The traced tensors alone."""
    return Judged(
        "the trace alone, no calibration", tuple(_error(one, one.trace.peak_bytes) for one in found if one.trace)
    )


def calibrated(found: Sequence[Found]) -> Judged:
    """Each forecast from all other runs: what a machine gives that has measured many."""
    return left_out(found, "calibrated by the other runs (leave one out)", lambda *_: True)


def family_left_out(found: Sequence[Found]) -> Judged:
    """Each forecast from runs of other kinds of models: what a machine gives for a model that it has never seen."""

    def is_told(one: Found, other: Found) -> bool:
        return one.records[0].model_type != other.records[0].model_type

    return left_out(found, "calibrated by runs of other model types", is_told)


def halves(found: Sequence[Found]) -> Judged:
    """The shipped line without own runs: it is fitted to one half of the runs, and the other half is judged."""
    lines = [settled(found[1 - side :: 2]) for side in (0, 1)]
    told = [_told(one, (), lines[index % 2]) for index, one in enumerate(found)]
    return _judged("the shipped line, no own runs (half judges half)", found, told)


def left_out(found: Sequence[Found], title: str, is_told: Callable[[Found, Found], bool]) -> Judged:
    """Each forecast from a line that knows nothing and those other runs of which `is_told(judged, other)` is true."""
    told = []
    for one in found:
        others = [peak_of(other) for other in found if other is not one and is_told(one, other)]
        told.append(_told(one, others, blank(one)))
    return _judged(title, found, told)


def settled(found: Sequence[Found]) -> Line:
    """The line that ships: fitted to all of these runs, which have one allocator."""
    records = [peak for one in found if is_plausible(peak := peak_of(one))]
    return Fitted.of(blank(found[0]), records).settled


def _told(one: Found, records: Sequence[MeasuredPeak], line: Line) -> MemoryForecast:
    assert one.trace is not None
    return forecast(one.trace, DEVICE, kind_of(one), records, 0, line)


def _judged(title: str, found: Sequence[Found], told: Sequence[MemoryForecast]) -> Judged:
    errors = tuple(_error(one, each.likely_bytes) for one, each in zip(found, told, strict=True))
    inside = sum(each.low_bytes <= one.measured_bytes <= each.high_bytes for one, each in zip(found, told, strict=True))
    return Judged(title, errors, inside / len(found))


def _error(found: Found, forecast_bytes: float) -> float:
    return forecast_bytes / found.measured_bytes - 1
