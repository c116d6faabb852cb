"""Whatever trainers and people do, a supervisor brings its run to an end by legal steps."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain.queue import waits
from backend.domain.run import Attempt, Run
from backend.domain.states import Liveness, RunState, Wish
from tests.fakes.executor import Script
from tests.fakes.runs import NOON
from tests.unit.test_supervisor import MARKS, RULES, Stage

ENDINGS = st.sampled_from([0, 1, -9, -11, 64, 75, 78, None])
TRAINERS = st.fixed_dictionaries(
    {
        "exit_code": ENDINGS,
        "lives_seconds": st.sampled_from([0.0, 0.3, 5.0, 500.0]),
        "on_term": st.sampled_from([75, -15, 0, None]),
        "beats": st.booleans(),
        "saves": st.booleans(),
        "wish": st.sampled_from([None, Wish.STOP, Wish.RUN]),
    }
)
WITH_ATTEMPT = [state for state in RunState if state is not RunState.CREATED]


@settings(max_examples=150)
@given(
    trainers=st.lists(TRAINERS, max_size=6),
    state=st.sampled_from(RunState),
    wish=st.sampled_from(Wish),
    failures=st.integers(0, 3),
    adopted=st.one_of(st.none(), TRAINERS),
)
def test_a_supervised_run_always_comes_to_rest(
    trainers: list[dict[str, Any]],
    state: RunState,
    wish: Wish,
    failures: int,
    adopted: dict[str, Any] | None,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        stage.rules = replace(RULES, hang_training_seconds=20, hang_other_seconds=40)
        attempts = (Attempt(1, "t1", NOON),) if state in WITH_ATTEMPT else ()
        stage.create(state=state, wish=wish, failures=failures, attempts=attempts)
        if adopted:
            stage.executor.adoptable(stage.folder.trainer_lock, script(stage, adopted, 0), MARKS)
        stage.executor.scripts = [script(stage, how, number + 1) for number, how in enumerate(trainers)]
        check(stage, stage.supervise(), failures)


def script(stage: Stage, how: dict[str, Any], number: int) -> Script:
    checkpoints = [100 + number] if how["saves"] else []
    made = stage.script(
        *checkpoints,
        beats=how["beats"],
        exit_code=how["exit_code"],
        lives_seconds=how["lives_seconds"],
        on_term=how["on_term"],
    )
    if how["wish"]:
        made.on_wait = stage.wish(how["wish"])
    return made


def check(stage: Stage, run: Run, failures_before: int) -> None:
    assert waits(run) or (run.is_over and not run.needs_supervisor), "over, or left to the queue"
    assert [attempt.number for attempt in run.attempts] == list(range(1, len(run.attempts) + 1))
    assert run.failures <= max(3, failures_before)
    resumed = [attempt.resumed_from_step or 0 for attempt in run.attempts]
    assert resumed == sorted(resumed), "no attempt goes back behind a whole checkpoint"
    is_untouched = stage.executor.calls == []
    assert is_untouched or stage.executor.find(stage.folder.trainer_lock) == (Liveness.DEAD, None)
