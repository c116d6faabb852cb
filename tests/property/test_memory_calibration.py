"""Calibrated forecasts of memory keep their promises, whatever was measured."""

import math
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.memory_calibration import UNKNOWN, Line, MeasuredPeak, fit, forecast, is_plausible
from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryPart, MemoryTrace

BYTES = st.integers(0, 200_000_000_000)
PARTS = st.dictionaries(st.sampled_from(list(MemoryPart)[:6]), BYTES, min_size=1)
SHARES = st.floats(0, 1)
KEYS = st.sampled_from(["llama/lora", "qwen3/full"])
LINES = st.builds(
    Line,
    offset_bytes=st.floats(0, 1e9),
    steady=st.floats(0, 3),
    moving=st.floats(0, 3),
    noise=st.floats(0.001, 0.5),
    kinds=st.just(0.0) | st.floats(0.001, 0.5),
    reach=st.floats(0, 4),
    lean=st.floats(-0.05, 0.05),
)


def made_trace(parts: dict[MemoryPart, int], share: float = 0.5) -> MemoryTrace:
    peak = sum(parts.values())
    return MemoryTrace(
        parts=parts,
        peak_bytes=peak,
        steady_bytes=int(peak * share),
        phase="step",
        rows=1,
        tokens=8,
        is_scaled=False,
        num_operations=1,
        seconds=0.1,
    )


TRACES = st.builds(made_trace, PARTS, SHARES)
RECORDS = st.lists(st.builds(MeasuredPeak, TRACES, BYTES, st.sampled_from(["cpu", "cuda"]), KEYS), max_size=6)


def told(trace: MemoryTrace, records: list[MeasuredPeak], line: Line | None = None) -> MemoryForecast:
    return forecast(trace, "cpu", "llama/lora", records, 500_000_000, line)


@given(TRACES, RECORDS, st.none() | BYTES, st.none() | LINES, st.sampled_from(["cpu", "cuda"]))
def test_parts_add_up_and_the_range_holds_the_likely_value(
    trace: MemoryTrace, records: list[MeasuredPeak], baseline: int | None, line: Line | None, device: str
) -> None:
    found = forecast(trace, device, "llama/lora", records, baseline, line)
    assert sum(found.parts.values()) == found.likely_bytes
    assert all(size >= 0 for size in found.parts.values())
    assert 0 <= found.low_bytes <= found.likely_bytes <= found.high_bytes
    assert found.likely_bytes >= (baseline or 0)
    counted = [one for one in records if one.device == device and is_plausible(one)]
    assert found.basis is (Basis.CALIBRATED if counted else Basis.TRACED)


@given(TRACES, st.integers(0, 10**9), st.integers(0, 10**9), RECORDS, LINES)
def test_more_tensors_never_mean_less_memory(
    trace: MemoryTrace, steady: int, moving: int, records: list[MeasuredPeak], line: Line
) -> None:
    more = trace.model_copy(
        update={
            "peak_bytes": trace.peak_bytes + steady + moving,
            "steady_bytes": trace.steady_bytes + steady,
            "parts": {
                **trace.parts,
                MemoryPart.ACTIVATIONS: trace.parts.get(MemoryPart.ACTIVATIONS, 0) + steady + moving,
            },
        }
    )
    assert told(more, records, line).likely_bytes >= told(trace, records, line).likely_bytes


@given(TRACES, RECORDS)
def test_records_of_another_device_and_empty_traces_say_nothing(
    trace: MemoryTrace, records: list[MeasuredPeak]
) -> None:
    others = [replace(record, device="cuda") for record in records]
    assert told(trace, others) == told(trace, [])


@given(st.floats(0.8, 1.25), st.floats(0, 100e6), st.integers(20, 40), st.randoms(use_true_random=False))
def test_exact_records_of_a_kind_are_reproduced(
    factor: float, offset: float, count: int, chance: random.Random
) -> None:
    def measured(trace: MemoryTrace) -> int:
        return round(offset + factor * trace.peak_bytes)

    traces = [
        made_trace(
            {MemoryPart.WEIGHTS: chance.randint(10**8, 10**10), MemoryPart.ACTIVATIONS: chance.randint(10**8, 10**10)}
        )
        for _ in range(count)
    ]
    records = [MeasuredPeak(trace, measured(trace), "cpu", "llama/lora") for trace in traces[1:]]
    found = told(traces[0], records)
    truth = 500_000_000 + measured(traces[0])
    assert math.isclose(found.likely_bytes, truth, rel_tol=0.05)
    assert found.low_bytes <= truth <= found.high_bytes


@given(TRACES.filter(lambda trace: trace.peak_bytes > 10**6), st.floats(0.9, 1.2), st.integers(1, 30))
def test_the_more_runs_of_a_kind_agree_the_nearer_the_forecast_and_the_narrower_its_range(
    trace: MemoryTrace, factor: float, count: int
) -> None:
    record = MeasuredPeak(trace, round(factor * trace.peak_bytes), "cpu", "llama/lora")
    few, many = told(trace, [record] * count), told(trace, [record] * count * 4)
    truth = 500_000_000 + record.measured_bytes
    slack = 2 + truth // 10**6
    assert abs(many.likely_bytes - truth) <= abs(few.likely_bytes - truth) + slack
    relative = [(one.high_bytes - one.low_bytes) / max(1, one.likely_bytes - 500_000_000) for one in (few, many)]
    assert relative[1] <= relative[0] + 0.01


@given(RECORDS, LINES)
def test_a_fitted_line_never_falls(records: list[MeasuredPeak], line: Line) -> None:
    found = fit(line, records)
    assert min(found.offset_bytes, found.steady, found.moving) >= 0
    assert fit(line, []) == line


def test_without_records_the_range_is_wide_and_says_so() -> None:
    trace = made_trace({MemoryPart.WEIGHTS: 10**9})
    found = forecast(trace, "cpu", "any", [], None)
    above = found.likely_bytes - found.parts[MemoryPart.FRAMEWORK]
    assert found.high_bytes - found.likely_bytes > above / 10
    assert "no run of this machine was measured yet" in found.sources
    assert "what the libraries take by themselves is assumed" in found.sources
    assert UNKNOWN["cpu"].source not in found.sources
