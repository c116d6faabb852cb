"""Calibrated forecasts of memory keep their promises, whatever was measured."""

import math
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.heap import HEAP, MAPPED, OLD_HEAP
from backend.domain.memory_calibration import MOST_LEAN, forecast
from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryPart, MemoryTrace
from backend.domain.memory_line import UNKNOWN, Fitted, Line, MeasuredPeak, is_plausible, shipped
from tests.fakes.memory import a_trace

BYTES = st.integers(0, 200_000_000_000)
PARTS = st.dictionaries(st.sampled_from(list(MemoryPart)[:6]), BYTES, min_size=1)
SHARES = st.floats(0, 1)
KEYS = st.sampled_from(["llama/lora", "qwen3/full"])
EFFECTS = st.dictionaries(st.sampled_from(["llama", "lora"]), st.tuples(st.floats(-1e8, 1e8), st.floats(-0.5, 0.5)))
LINES = st.builds(
    Line,
    offset_bytes=st.floats(0, 1e9),
    steady=st.floats(0, 3),
    moving=st.floats(0, 3),
    noise=st.floats(0.001, 0.5),
    reach=st.floats(0, 4),
    lean=st.floats(0, 0.05),
    effects=EFFECTS,
)


def made_trace(parts: dict[MemoryPart, int], share: float = 0.5) -> MemoryTrace:
    peak = sum(parts.values())
    return a_trace(parts=parts, peak_bytes=peak, steady_bytes=int(peak * share))


def made_course(
    parts: dict[MemoryPart, int], share: float, copies: int, *, midway: bool, large: float = 0.0
) -> MemoryTrace:
    """One that also saves a checkpoint, which takes the most; of what a step adds `large` is in large blocks."""
    step = made_trace(parts, share)
    saving = step.peak_bytes + copies
    course = {"step": step.peak_bytes, "saving": saving}
    told = {"phase": "saving", "phases": course, "peak_bytes": saving, "saves_midway": midway}
    told["large_bytes"] = dict.fromkeys(course, int(large * (step.peak_bytes - step.steady_bytes)))
    return step.model_copy(update={**told, "parts": {**parts, MemoryPart.ADAPTER: copies}})


TRACES = st.builds(made_trace, PARTS, SHARES)
COURSES = st.builds(made_course, PARTS, SHARES, BYTES, midway=st.booleans(), large=SHARES)
RECORDS = st.lists(st.builds(MeasuredPeak, TRACES | COURSES, BYTES, st.sampled_from(["cpu", "cuda"]), KEYS), max_size=6)


PLACES = st.sampled_from([MAPPED, HEAP, OLD_HEAP])
BASELINE = 500_000_000


def told(
    trace: MemoryTrace, records: list[MeasuredPeak], line: Line | None = None, key: str = "llama/lora"
) -> MemoryForecast:
    return forecast(trace, "cpu", key, records, BASELINE, line)


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


@given(COURSES, st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9), RECORDS, LINES)
def test_more_of_a_step_or_of_a_checkpoint_never_means_less(
    trace: MemoryTrace, steady: int, moving: int, copies: int, records: list[MeasuredPeak], line: Line
) -> None:
    step, saving = trace.phases["step"] + steady + moving, trace.phases["saving"] + steady + moving + copies
    more = trace.model_copy(
        update={
            "steady_bytes": trace.steady_bytes + steady,
            "peak_bytes": saving,
            "phases": {"step": step, "saving": saving},
        }
    )
    assert told(more, records, line).likely_bytes >= told(trace, records, line).likely_bytes


@given(PARTS.filter(lambda parts: sum(parts.values()) > 0), SHARES, BYTES, st.floats(1, 2), st.floats(0.9, 1.1))
def test_a_checkpoint_s_copies_have_a_factor_of_their_own(
    parts: dict[MemoryPart, int], share: float, copies: int, moving: float, copying: float
) -> None:
    line = Line(moving=moving, copying=copying)
    alone, midway = (made_course(parts, share, copies, midway=midway) for midway in (False, True))
    steady, step = alone.steady_bytes, alone.phases["step"] - alone.steady_bytes
    expected = max(steady + moving * step, steady + copying * (step + copies))
    assert math.isclose(told(alone, [], line).likely_bytes - BASELINE, expected, rel_tol=1e-6, abs_tol=2)
    expected = steady + moving * step + copying * copies
    assert math.isclose(told(midway, [], line).likely_bytes - BASELINE, expected, rel_tol=1e-6, abs_tol=2)


@given(PARTS.filter(lambda parts: sum(parts.values()) > 0), SHARES, BYTES, SHARES, st.booleans())
def test_large_blocks_leave_no_pieces_as_copies_do(
    parts: dict[MemoryPart, int], share: float, copies: int, large: float, midway: bool
) -> None:
    line = Line(moving=1.5, copying=1.0)
    trace = made_course(parts, share, copies, midway=midway, large=large)
    steady, step, own = trace.steady_bytes, trace.phases["step"] - trace.steady_bytes, trace.large_bytes["step"]
    taken = steady + 1.5 * (step - own) + own
    expected = taken + copies if midway else max(taken, steady + step + copies)
    assert math.isclose(told(trace, [], line).likely_bytes - BASELINE, expected, rel_tol=1e-6, abs_tol=2)
    none_large = trace.model_copy(update={"large_bytes": {}})
    mapped, alike = told(trace, [], line, f"llama/lora/{MAPPED}"), told(none_large, [], line)
    assert mapped.likely_bytes == alike.likely_bytes, "with mapped tensors all blocks are alike"
    more = trace.model_copy(update={"large_bytes": dict.fromkeys(trace.phases, 10**15)})
    assert told(more, [], line).likely_bytes <= told(trace, [], line).likely_bytes, "never more than there is"


@given(PARTS.filter(lambda parts: sum(parts.values()) > 10**7), st.floats(1.05, 1.3), st.integers(2, 8))
def test_runs_of_several_micro_batches_teach_those_that_are_like_them(
    parts: dict[MemoryPart, int], more: float, count: int
) -> None:
    trace = made_trace(parts, 0.2)
    kinds = [trace.model_copy(update={"micro_batches": number}) for number in (1, 2)]
    line = Line(steady=1.0, moving=1.0, noise=0.01)
    records = [
        MeasuredPeak(one, round(one.peak_bytes * factor), "cpu", f"{model}/lora")
        for model in map(str, range(count))
        for one, factor in zip(kinds, (1.0, more), strict=True)
    ]
    one, other = (told(each, records, line, "new/lora").likely_bytes - BASELINE for each in kinds)
    assert other > 1.01 * one, "a step of one is not forecast as if it were of two"
    untaught = [told(each, [], line, "new/lora").likely_bytes for each in kinds]
    assert untaught[0] == untaught[1], "nobody has told the difference yet"


@given(TRACES, RECORDS)
def test_records_of_another_device_and_empty_traces_say_nothing(
    trace: MemoryTrace, records: list[MeasuredPeak]
) -> None:
    others = [replace(record, device="cuda") for record in records]
    assert told(trace, others) == told(trace, [])


@given(st.floats(0.9, 1.15), st.floats(0, 60e6), st.integers(20, 40), st.randoms(use_true_random=False))
def test_exact_records_are_reproduced(factor: float, offset: float, count: int, chance: random.Random) -> None:
    def drawn() -> MemoryTrace:
        sizes = [chance.randint(10**8, 10**10) for _ in range(2)]
        return made_trace({MemoryPart.WEIGHTS: sizes[0], MemoryPart.ACTIVATIONS: sizes[1]}, sizes[0] / sum(sizes))

    def measured(trace: MemoryTrace) -> int:
        return round(offset + trace.steady_bytes + factor * (trace.peak_bytes - trace.steady_bytes))

    asked = drawn()
    records = [MeasuredPeak(trace, measured(trace), "cpu", "llama/lora") for trace in (drawn() for _ in range(count))]
    found = forecast(asked, "cpu", "llama/lora", records, 0)
    assert math.isclose(found.likely_bytes, measured(asked), rel_tol=0.025)
    assert found.low_bytes <= measured(asked) <= found.high_bytes


@given(TRACES.filter(lambda trace: trace.peak_bytes > 10**6), st.floats(0.9, 1.2), st.integers(1, 30), PLACES)
def test_the_more_runs_of_a_kind_agree_the_nearer_the_forecast_and_the_narrower_its_range(
    trace: MemoryTrace, factor: float, count: int, place: str
) -> None:
    key = f"llama/lora/{place}"
    record = MeasuredPeak(trace, round(factor * trace.peak_bytes), "cpu", key)
    upright = replace(shipped(f"cpu {place}"), lean=0.0)
    few, many = (told(trace, [record] * number, upright, key) for number in (count, count * 4))
    truth = BASELINE + record.measured_bytes
    slack = 2 + truth // 10**6
    assert abs(many.likely_bytes - truth) <= abs(few.likely_bytes - truth) + slack
    relative = [(one.high_bytes - one.low_bytes) / max(1, one.likely_bytes - BASELINE) for one in (few, many)]
    assert relative[1] <= relative[0] + 0.01


@given(TRACES.filter(lambda trace: trace.peak_bytes > 10**7), st.floats(0.9, 1.2), st.integers(1, 9), PLACES)
def test_the_more_runs_of_a_kind_agree_the_less_a_forecast_leans(
    trace: MemoryTrace, factor: float, count: int, place: str
) -> None:
    record = MeasuredPeak(trace, round(factor * trace.peak_bytes), "cpu", f"llama/lora/{place}")
    assert is_plausible(record), "a smaller one than a megabyte would not count"
    one, few, many = (leaning(trace, [record] * number, place) for number in (1, count, count * 4))
    assert one >= few - 1e-6
    assert few >= many - 1e-6
    assert math.isclose(many, one * math.sqrt(2 / (1 + 4 * count)), abs_tol=3e-6), "two runs' weight against all"


@given(
    TRACES.filter(lambda trace: trace.peak_bytes > 10**7),
    st.lists(st.floats(0.6, 1.8), min_size=1, max_size=8),
    PLACES,
)
def test_a_forecast_leans_to_the_high_side_and_the_more_the_less_runs_agree(
    trace: MemoryTrace, factors: list[float], place: str
) -> None:
    key, most = f"llama/lora/{place}", MOST_LEAN * shipped(f"cpu {place}").lean
    assert most > 0, "each of the three places leans"
    wild = [MeasuredPeak(trace, round(factor * trace.peak_bytes), "cpu", key) for factor in factors]
    middle = MeasuredPeak(trace, round(sum(factors) / len(factors) * trace.peak_bytes), "cpu", key)
    calm = leaning(trace, [middle] * len(factors), place)
    assert 0 < calm <= leaning(trace, wild, place) + 1e-6 <= most + 2e-6


def leaning(trace: MemoryTrace, records: list[MeasuredPeak], place: str) -> float:
    """The share by which a forecast from the shipped line is above one from the same line without its lean."""
    key, line = f"llama/lora/{place}", shipped(f"cpu {place}")
    leant, upright = (told(trace, records, each, key).likely_bytes for each in (line, replace(line, lean=0.0)))
    return (leant - upright) / max(1, upright - BASELINE)


@given(RECORDS, LINES)
def test_a_line_that_was_kept_forecasts_as_it_did_when_it_was_fitted(records: list[MeasuredPeak], line: Line) -> None:
    known = [record for record in records if is_plausible(record)]
    fitted = Fitted.of(line, known, "llama/lora")
    again = Fitted.of(fitted.settled, [], "llama/lora")
    for record in records:
        assert math.isclose(again.at(record.trace, record.key)[0], fitted.at(record.trace, record.key)[0], rel_tol=1e-9)


def test_without_records_the_range_is_wide_and_says_so() -> None:
    trace = made_trace({MemoryPart.WEIGHTS: 10**9})
    found = forecast(trace, "cpu", "any", [], None)
    above = found.likely_bytes - found.parts[MemoryPart.FRAMEWORK]
    assert found.high_bytes - found.likely_bytes > above / 10
    assert "no run of this machine was measured yet" in found.sources
    assert "what the libraries take by themselves is assumed" in found.sources
    assert shipped("cpu heap").source in found.sources
    assert UNKNOWN["cpu heap"].source == "", "a guess has none"
