"""How a run is, in sentences: from its curves, its journal and its last sign of life."""

import math
from collections.abc import Mapping

import numpy as np
import pytest

from backend.domain.curves import Curves, Series
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run import JournalLine
from backend.domain.run_report import report
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from tests.fakes.dashboard import a_view
from tests.fakes.runs import NOON, a_run


def curves(**tags: Mapping[int, float]) -> Curves:
    """`train_loss={1: 2.0}` is the tag train/loss."""
    series = {}
    for name, points in tags.items():
        tag = name.replace("_", "/", 1)
        steps = np.array(list(points), dtype=np.int64)
        series[tag] = Series(tag, steps, np.array(list(points.values()), dtype=np.float64), 1e9 + steps)
    return Curves(1, series, ())


def view(state: RunState = RunState.RUNNING, **beat: object) -> RunView:
    facts: dict[str, object] = {"phase": Phase.TRAINING, "step": 200, "total_steps": 400, "at": 1e9} | beat
    heart = Heartbeat("t", 1, 1, **facts)  # type: ignore[arg-type]
    wish = Wish.RUN if state is RunState.RUNNING else Wish.STOP
    return a_view(run=a_run(state=state, wish=wish), step=200, total_steps=400, heartbeat=heart)


def told(found: Curves, state: RunState = RunState.RUNNING) -> str:
    return report(view(state), found, (), 1e9).told


FALLING = {step: 2.0 - step / 200 for step in range(1, 201)}


def test_a_falling_loss_and_the_best_evaluation_are_told() -> None:
    said = told(curves(train_loss=FALLING, eval_loss={0: 3.5, 100: 1.6, 200: 1.1}))
    assert said == (
        "The training loss fell from 1.44 to 1.06 over the last 99 steps. "
        "The evaluation loss of step 200 is the best so far: 1.1 (before training: 3.5)."
    )


def test_an_ended_run_is_told_in_the_past() -> None:
    said = told(curves(train_loss=dict.fromkeys(range(1, 201), 0.5), eval_loss={100: 1.0, 200: 1.2}), RunState.FINISHED)
    assert said == (
        "The training loss stayed near 0.5 over the last 99 steps. "
        "The best evaluation loss was 1 at step 100; the latest was 1.2."
    )


def test_what_is_no_number_is_told_as_that() -> None:
    said = told(curves(train_loss=FALLING | {200: math.nan}, eval_loss={100: 1.0, 200: math.nan}))
    assert said == (
        "1 of the latest training losses is not a number (NaN or infinite). "
        "The best evaluation loss is 1 at step 100; the latest is not a number."
    )
    assert told(curves(eval_loss={100: math.nan})) == "No evaluation loss is a number."


@pytest.mark.parametrize("found", [curves(), curves(train_loss={1: 2.0}), curves(eval_loss={0: 3.0})])
def test_nothing_is_told_of_too_little(found: Curves) -> None:
    assert told(found) == ""


def line(reason: str) -> JournalLine:
    return JournalLine(NOON, RunState.RUNNING, RunState.RUNNING, reason)


def test_the_newest_warning_of_each_guard_is_told_with_what_helps() -> None:
    journal = [
        line("divergence at step 30: the smoothed loss is 3"),
        line("a warm standby is ready, process 4"),
        line("overfitting at step 90: the evaluation loss rose 3 times in a row"),
        line("divergence at step 120: the smoothed loss is 4"),
        line("step 3: no guard said this"),
    ]
    found = report(view(), curves(), journal, 1e9).warnings
    assert [(one.guard, one.step) for one in found] == [("divergence", 120), ("overfitting", 90)]
    assert found[0].text == "the smoothed loss is 4"
    assert found[0].sentence == "Divergence, step 120: the smoothed loss is 4."
    assert "learning rate" in found[0].advice


def test_a_trainer_that_says_nothing_for_long_is_told() -> None:
    usual = view(seconds_per_step=2.0)
    assert report(usual, curves(), (), 1e9 + 59).quiet_seconds is None
    assert report(usual, curves(), (), 1e9 + 61).quiet_seconds == 61
    slow = view(seconds_per_step=30.0)
    assert report(slow, curves(), (), 1e9 + 299).quiet_seconds is None
    loading = view(phase=Phase.LOADING)
    assert report(loading, curves(), (), 1e9 + 299).quiet_seconds is None
    assert report(loading, curves(), (), 1e9 + 301).quiet_seconds == 301
    assert report(view(RunState.FINISHED), curves(), (), 2e9).quiet_seconds is None


def test_the_time_left_is_by_written_points_and_else_by_the_heartbeat() -> None:
    measured = report(view(seconds_per_step=9.0), curves(train_loss=FALLING), (), 1e9).time_left
    assert measured is not None
    assert (measured.seconds, measured.is_whole) == (pytest.approx(200), True)
    first = report(view(seconds_per_step=9.0), curves(), (), 1e9).time_left
    assert first is not None
    assert (first.seconds, first.is_whole) == (1_800, False)
    assert report(view(RunState.PAUSED), curves(train_loss=FALLING), (), 1e9).time_left is None
