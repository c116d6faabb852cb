"""How near forecasts come, judged honestly: a run's own measurement never takes part in its forecast."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backend.domain.memory_calibration import UNKNOWN, Line, MeasuredPeak, fit, forecast
from scripts.benchmarks.memory.keeping import Found

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
    """The key of a measured peak."""
    one = found.combination
    return "/".join((found.records[0].model_type, one.method, one.quantization, one.recipe))


def peak_of(found: Found) -> MeasuredPeak:
    """As a later forecast would read it."""
    assert found.trace is not None
    return MeasuredPeak(found.trace, found.measured_bytes, DEVICE, kind_of(found))


def raw(found: Sequence[Found]) -> Judged:
    """The traced tensors alone."""
    return Judged("the trace alone, no calibration", tuple(_error(one, one.trace.peak_bytes) for one in found if one.trace))


def left_out(found: Sequence[Found], title: str, is_told: Callable[[Found, Found], bool]) -> Judged:
    """Each forecast from a line without knowledge and those other runs of which `is_told(judged, other)` is true."""
    errors, inside = [], 0
    for one in found:
        others = [peak_of(other) for other in found if other is not one and is_told(one, other)]
        assert one.trace is not None
        # what is judged must not have shaped the line either
        line = settled([other for other in found if other is not one and is_told(one, other)])
        told = forecast(one.trace, DEVICE, kind_of(one), others, 0, line)
        errors.append(_error(one, told.likely_bytes))
        inside += told.low_bytes <= one.measured_bytes <= told.high_bytes
    return Judged(title, tuple(errors), inside / len(found))


def settled(found: Sequence[Found]) -> Line:
    """The line that ships: fitted to all of these runs, with what they lie beside it.

    `lean` makes the worst too-low forecast of these runs, each left out in turn, less bad without moving the middle
    much: half of what is missing to 3 %, at most 1.5 %.
    """
    records = [peak_of(one) for one in found]
    line = UNKNOWN[DEVICE]
    for _ in range(3):  # the fit begins again from where it ended: the more runs, the less the first guess counts
        line = fit(line, records)
    ratios = [one.measured_bytes / line.at(one.trace) - 1 for one in records]
    groups: dict[str, list[float]] = {}
    for one, ratio in zip(records, ratios, strict=True):
        groups.setdefault(one.key, []).append(ratio)
    inner = [ratio - statistics.fmean(group) for group in groups.values() if len(group) > 1 for ratio in group]
    between = [statistics.fmean(group) for group in groups.values()]
    noise = max(0.01, _deviation(inner) or line.noise)
    return replace(line, noise=noise, kinds=max(0.01, _deviation(between) or line.kinds), lean=0.0)


def _deviation(values: Sequence[float]) -> float:
    """Root of the mean square around 0."""
    return (sum(value * value for value in values) / len(values)) ** 0.5 if values else 0.0


def _error(found: Found, forecast_bytes: float) -> float:
    return forecast_bytes / found.measured_bytes - 1
