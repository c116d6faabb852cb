"""From a traced peak and what runs really took to a range of bytes. Pure.

What a process takes is nearly a straight line in two numbers of the trace: what lives between two steps, and what a
step adds at its peak. The line that ships with the studio was fitted to many measured runs; runs of this machine
pull it towards themselves, and those of the same kind shift it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryPart, MemoryTrace

MOST_APART = 0.25  # a record that is further off (as a log ratio) says no more than one that is so far off
STIFFNESS = np.array([20e6, 0.03, 0.05])  # how far records may be expected to pull the three numbers of the line
LEAST_SPREAD = 0.005


@dataclass(frozen=True, slots=True)
class Line:
    """Bytes above the imports: `offset_bytes` + `steady` x what lives between steps + `moving` x what a step adds.

    `noise` is the relative deviation between runs of one kind, `kinds` that between kinds, and `reach` how many
    deviations the range goes to each side. `lean` is added to the logarithm: too high is better than too low. `source`
    says what the line was fitted to.
    """

    offset_bytes: float = 0.0
    steady: float = 1.0
    moving: float = 1.0
    noise: float = 0.02
    kinds: float = 0.08
    reach: float = 2.0
    lean: float = 0.0
    source: str = ""

    def at(self, trace: MemoryTrace) -> float:
        """Bytes that it gives for a trace."""
        return float(_features(trace) @ np.array([self.offset_bytes, self.steady, self.moving]))


UNKNOWN = {"cpu": Line(offset_bytes=20e6, moving=1.05), "cuda": Line(offset_bytes=30e6, moving=1.08)}
UNKNOWN_BASELINE_BYTES = {"cpu": 520_000_000, "cuda": 450_000_000}  # the imports; on a GPU its context


@dataclass(frozen=True, slots=True)
class MeasuredPeak:
    """What one finished attempt took: bytes above its imports, beside the trace of the same order.

    `device` is "cpu" or "cuda"; `key` says what kind of run it was (model type, method, quantization, recipe).
    """

    trace: MemoryTrace
    measured_bytes: int
    device: str
    key: str


def forecast(
    trace: MemoryTrace,
    device: str,
    key: str,
    records: Sequence[MeasuredPeak],
    baseline_bytes: int | None,
    line: Line | None = None,
) -> MemoryForecast:
    """The peak of a run as a range; parts add up to `likely_bytes`, which never falls when the trace grows.

    `records` are of this machine; those of the same device count, those of the same key most. `baseline_bytes` is
    what the imports take before a model is loaded, None where it was not measured. `line` is where to begin from.
    """
    known = [record for record in records if record.device == device and record.trace.peak_bytes > 0]
    fitted = fit(line or UNKNOWN[device], known)
    shift, spread = _of_kind(fitted, key, known)
    above = max(1.0, fitted.at(trace)) * math.exp(shift + fitted.lean)
    baseline = UNKNOWN_BASELINE_BYTES[device] if baseline_bytes is None else baseline_bytes
    likely = baseline + round(above)
    return MemoryForecast(
        device=device,
        parts=_parts(trace, baseline, likely),
        low_bytes=min(likely, baseline + round(above * math.exp(-fitted.reach * spread))),
        likely_bytes=likely,
        high_bytes=max(likely, baseline + round(above * math.exp(fitted.reach * spread))),
        basis=Basis.CALIBRATED if known else Basis.TRACED,
        sources=tuple(_sources(fitted, key, known, baseline_bytes)),
        trace=trace,
    )


def fit(line: Line, records: Sequence[MeasuredPeak]) -> Line:
    """The line as the records pull it: least squares of relative errors, held by where it began (ridge regression).

    No number of it gets below zero, so that more tensors never mean a lower forecast. Without records it is `line`.
    """
    if not records:
        return line
    start = np.array([line.offset_bytes, line.steady, line.moving])
    measured = np.array([max(1, record.measured_bytes) for record in records], dtype=float)
    rows = np.stack([_features(record.trace) for record in records]) / measured[:, None]
    weights = np.ones(len(records))
    found = start
    for _ in range(5):  # records far off the line count less with each round (Huber, 1964)
        scale = line.noise + line.kinds / 2
        held = np.diag(1 / STIFFNESS**2)
        system = rows.T @ (rows * weights[:, None]) / scale**2 + held
        found = np.maximum(0.0, np.linalg.solve(system, rows.T @ weights / scale**2 + held @ start))
        errors = np.abs(rows @ found - 1)
        weights = np.minimum(1.0, scale / np.maximum(errors, 1e-9))
    offset, steady, moving = (float(number) for number in found)
    return Line(offset, steady, moving, line.noise, line.kinds, line.reach, line.lean, line.source)


def _features(trace: MemoryTrace) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    steady = min(trace.steady_bytes, trace.peak_bytes)
    return np.array([1.0, steady, trace.peak_bytes - steady])


def _of_kind(line: Line, key: str, records: Sequence[MeasuredPeak]) -> tuple[float, float]:
    """What runs of one kind lie beside the line, as a logarithm, and how uncertain that is (a random effect)."""
    apart = [
        max(-MOST_APART, min(MOST_APART, math.log(max(1, record.measured_bytes) / max(1.0, line.at(record.trace)))))
        for record in records
        if record.key == key
    ]
    share = (line.noise / line.kinds) ** 2 if line.kinds else math.inf
    weight = len(apart) / (len(apart) + share)
    shift = weight * sum(apart) / len(apart) if apart else 0.0
    spread = math.sqrt(line.noise**2 + line.kinds**2 * (1 - weight))
    return shift, max(LEAST_SPREAD, spread)


def _parts(trace: MemoryTrace, baseline: int, likely: int) -> dict[MemoryPart, int]:
    """The traced parts with what the process takes beyond them, or scaled down where it takes less."""
    above, total = likely - baseline, sum(trace.parts.values())
    parts = {part: size for part, size in trace.parts.items() if size > 0}
    if above < total:
        parts = {part: size * above // total for part, size in parts.items()}
    parts[MemoryPart.FRAMEWORK] = parts.get(MemoryPart.FRAMEWORK, 0) + baseline
    parts[MemoryPart.MARGIN] = parts.get(MemoryPart.MARGIN, 0) + likely - sum(parts.values())
    return parts


def _sources(line: Line, key: str, records: Sequence[MeasuredPeak], baseline: int | None) -> list[str]:
    alike = sum(record.key == key for record in records)
    told = ["a trace of one optimizer step of this very order, on layers without memory"]
    if line.source:
        told.append(line.source)
    if records:
        told.append(f"{len(records)} measured runs of this machine, {alike} of them of the same kind")
    else:
        told.append("no run of this machine was measured yet")
    if baseline is None:
        told.append("what the libraries take by themselves is assumed")
    return told
