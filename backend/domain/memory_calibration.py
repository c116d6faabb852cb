"""From a traced peak and what runs really took to a range of bytes. Pure.

The line that a process's memory lies on gives the middle. Runs of the very same kind correct it, and where equal runs
are known to differ the forecast leans to the high side: too high costs a second look, too low costs a run.
"""

import math
from collections.abc import Sequence

from backend.domain.heap import OLD_HEAP
from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryPart, MemoryTrace
from backend.domain.memory_line import Fitted, Line, MeasuredPeak, is_plausible, place_of, shipped

ALIKE_HELD = 2  # runs of one kind that count as much as the line itself
MOST_LEFT_OVER = 0.3  # of a logarithm, for one run
MOST_LEAN = 2.0  # times the line's own
LEAST_LEAN_TOLD = 0.0005
IN_PIECES = (
    "GLIBC_TUNABLES keeps caches by which glibc before 2.39 leaves freed memory in pieces, more or less of them from "
    'run to run; without glibc.malloc.tcache_count and .mxfast in it, or with "speed.allocator: mapped", there are none'
)
UNKNOWN_BASELINE_BYTES = {"cpu": 520_000_000, "cuda": 450_000_000}  # the imports; on a GPU its context


def forecast(
    trace: MemoryTrace,
    device: str,
    key: str,
    records: Sequence[MeasuredPeak],
    baseline_bytes: int | None,
    line: Line | None = None,
) -> MemoryForecast:
    """The peak of a run as a range; parts add up to `likely_bytes`, which never falls when the trace grows.

    `records` are of this machine; those of the same device and allocator count, those of the same key most.
    `baseline_bytes` is what the imports take before a model is loaded, None where it was not measured. `line` is
    where to begin from, by default the one that ships.
    """
    place = place_of(device, key)
    start = line or shipped(place)
    known = [record for record in records if place_of(record.device, record.key) == place and is_plausible(record)]
    fitted = Fitted.of(start, known, key)
    above, deviation = fitted.at(trace, key)
    left_over = _left_over(fitted, [record for record in known if record.key == key])
    lean = _lean(start, left_over)
    above *= _corrected(left_over) * (1 + lean)
    baseline = UNKNOWN_BASELINE_BYTES[device] if baseline_bytes is None else baseline_bytes
    likely = baseline + round(above)
    reach = math.exp(min(start.reach * deviation, 3.0))
    return MemoryForecast(
        device=device,
        parts=_parts(trace, baseline, likely),
        low_bytes=min(likely, baseline + round(above / reach)),
        likely_bytes=likely,
        high_bytes=max(likely, baseline + round(above * reach)),
        basis=Basis.CALIBRATED if known else Basis.TRACED,
        sources=tuple(_sources(start, place, key, known, baseline_bytes, lean)),
        trace=trace,
    )


def _left_over(fitted: Fitted, alike: Sequence[MeasuredPeak]) -> list[float]:
    """By how much each run of the very same kind is still off after the fit, as logarithms."""
    found = [math.log(record.measured_bytes / max(1.0, fitted.at(record.trace, record.key)[0])) for record in alike]
    return [min(MOST_LEFT_OVER, max(-MOST_LEFT_OVER, each)) for each in found]


def _corrected(left_over: Sequence[float]) -> float:
    """The factor that this makes; the more runs there are, the more it counts."""
    return math.exp(sum(left_over) / (len(left_over) + ALIKE_HELD))


def _lean(line: Line, left_over: Sequence[float]) -> float:
    """By what share a forecast is higher than the middle: less where runs of the kind agree, more where they do not."""
    if len(left_over) < 2 or not line.lean:  # noqa: PLR2004 - one run agrees with itself
        return line.lean
    middle = sum(left_over) / len(left_over)
    apart = ALIKE_HELD * line.noise**2 + sum((each - middle) ** 2 for each in left_over)
    noise = math.sqrt(apart / (ALIKE_HELD + len(left_over) - 1))
    return line.lean * min(MOST_LEAN, noise / line.noise)


def _parts(trace: MemoryTrace, baseline: int, likely: int) -> dict[MemoryPart, int]:
    """The traced parts with what the process takes beyond them, or scaled down where it takes less."""
    above, total = likely - baseline, sum(trace.parts.values())
    parts = {part: size for part, size in trace.parts.items() if size > 0}
    if above < total:
        parts = {part: size * above // total for part, size in parts.items()}
    parts[MemoryPart.FRAMEWORK] = parts.get(MemoryPart.FRAMEWORK, 0) + baseline
    parts[MemoryPart.MARGIN] = parts.get(MemoryPart.MARGIN, 0) + likely - sum(parts.values())
    return parts


def _sources(
    line: Line, place: str, key: str, records: Sequence[MeasuredPeak], baseline: int | None, lean: float
) -> list[str]:
    alike = sum(record.key == key for record in records)
    told = ["a trace of this very order, taking its steps on layers without memory"]
    if line.source:
        told.append(line.source)
    if place == f"cpu {OLD_HEAP}":
        told.append(IN_PIECES)
    if records:
        runs = "1 measured run" if len(records) == 1 else f"{len(records)} measured runs"
        told.append(f"{runs} of this machine, {alike} of the same kind")
    else:
        told.append("no run of this machine was measured yet")
    if lean >= LEAST_LEAN_TOLD:
        told.append(f"{lean:.1%} more than the middle, because equal runs differ: too low would cost a run")
    if baseline is None:
        told.append("what the libraries take by themselves is assumed")
    return told
