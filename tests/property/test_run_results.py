"""Results hold for any curves; sample texts are read as they were written."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curves import Series
from backend.domain.metric_goals import Goal
from backend.domain.run_results import best_point, last_common_step, result, together
from backend.domain.sample_texts import parsed, side_by_side
from backend.domain.sampling import SamplePrompt

POINTS = st.dictionaries(st.integers(0, 30), st.floats(width=32), max_size=12)


def series(points: dict[int, float]) -> Series:
    steps = np.array(sorted(points), np.int64)
    return Series("a/loss", steps, np.array([points[step] for step in sorted(points)], np.float64), steps * 1.0)


@given(POINTS, st.sampled_from(Goal), st.none() | st.integers(0, 30))
def test_nothing_finite_is_better_than_the_best(points: dict[int, float], goal: Goal, end: int | None) -> None:
    best = best_point(series(points), goal, end)
    seen = {s: v for s, v in points.items() if math.isfinite(v) and (end is None or s <= end)}
    if goal is Goal.UNKNOWN or not seen:
        assert best is None
        return
    assert best is not None
    assert best.value == (min if goal is Goal.LOWER else max)(seen.values())
    assert best.step == min(step for step, value in seen.items() if value == best.value)


@given(POINTS.filter(bool), st.sampled_from(Goal))
def test_the_last_value_is_told_whatever_it_is(points: dict[int, float], goal: Goal) -> None:
    found = result(series(points), goal)
    assert found is not None
    assert found.last.step == max(points)
    np.testing.assert_equal(found.last.value, points[max(points)])
    assert found.num_not_finite == sum(not math.isfinite(value) for value in points.values())


@given(st.lists(POINTS, min_size=1, max_size=4))
def test_runs_are_compared_at_the_last_step_that_all_have(runs: list[dict[int, float]]) -> None:
    all_series = [series(points) for points in runs]
    common = set.intersection(*(set(points) for points in runs))
    assert last_common_step(all_series) == (max(common) if common else None)
    found = together(all_series, Goal.LOWER)
    assert len(found.points) == len(found.best) == len(runs)
    for points, point in zip(runs, found.points, strict=True):
        if point is not None:
            np.testing.assert_equal(points[max(common)], point.value)


LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))


@given(st.lists(LINES, min_size=1, max_size=3), st.text())
def test_a_sample_is_read_as_the_trainer_writes_it(lines: list[str], answer: str) -> None:
    """The same format as backend/trainer/samples.py, which a test there reads back from an event file."""
    prompt = SamplePrompt(user="\n".join(lines) or "x").user
    quoted = "\n".join(f"> {line}" for line in prompt.splitlines())
    sample = parsed(3, f"{quoted}\n\n{answer}")
    assert sample.answer == answer
    assert sample.prompt == "\n".join(prompt.splitlines())


@given(st.text())
def test_any_text_is_some_sample(text: str) -> None:
    assert parsed(0, text).step == 0


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab"), st.text(max_size=3)), max_size=6), max_size=3)
)
def test_every_prompt_has_a_place_for_every_run(told: list[list[tuple[int, str, str]]]) -> None:
    samples = [[parsed(step, f"> {prompt}\n\n{answer}") for step, prompt, answer in run] for run in told]
    found = side_by_side(samples)
    assert {one.prompt for one in found} == {prompt for run in told for _, prompt, _ in run}
    for one in found:
        assert len(one.by_run) == len(told)
        for number, run in enumerate(told):
            steps = [step for step, prompt, _ in run if prompt == one.prompt]
            assert one.at(number, 5) == ((max(steps), one.by_run[number][max(steps)]) if steps else None)
            assert one.at(number, -1) is None
