"""From a traced peak and what runs really took to a range of bytes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryPart, MemoryTrace

UNKNOWN_BASELINE_BYTES = {"cpu": 700_000_000, "cuda": 450_000_000}  # imports; on a GPU the context
TRACED_LOW, TRACED_HIGH = 0.85, 1.35  # of the traced peak, where nothing was measured


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
) -> MemoryForecast:
    """The peak of a run as a range; parts add up to `likely_bytes`.

    `records` are of this machine; those of the same device count, those of the same key most. `baseline_bytes` is
    what the imports take before a model is loaded, None where it was not measured.
    """
    fitting = [record for record in records if record.device == device and record.trace.peak_bytes > 0]
    alike = [record for record in fitting if record.key == key] or fitting
    ratios = sorted(record.measured_bytes / record.trace.peak_bytes for record in alike)
    baseline = UNKNOWN_BASELINE_BYTES[device] if baseline_bytes is None else baseline_bytes
    middle = ratios[len(ratios) // 2] if ratios else 1.0
    low, high = (ratios[0], ratios[-1]) if ratios else (TRACED_LOW, TRACED_HIGH)
    likely = round(trace.peak_bytes * middle)
    parts = {part: size for part, size in trace.parts.items() if size}
    parts[MemoryPart.FRAMEWORK] = parts.get(MemoryPart.FRAMEWORK, 0) + baseline
    margin = likely - trace.peak_bytes
    if margin >= 0:
        parts[MemoryPart.MARGIN] = parts.get(MemoryPart.MARGIN, 0) + margin
    else:
        parts[MemoryPart.ACTIVATIONS] = parts.get(MemoryPart.ACTIVATIONS, 0) + margin
    told = f"{len(ratios)} runs on this machine" if ratios else "no run on this machine was measured yet"
    return MemoryForecast(
        device=device,
        parts=parts,
        low_bytes=baseline + round(trace.peak_bytes * low),
        likely_bytes=baseline + likely,
        high_bytes=baseline + round(trace.peak_bytes * max(high, middle)),
        basis=Basis.CALIBRATED if ratios else Basis.TRACED,
        sources=("a trace of one optimizer step on the real layers", told),
        trace=trace,
    )
