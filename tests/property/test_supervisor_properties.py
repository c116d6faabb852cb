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
from backend.supervisor.rules import HangLimits
from tests.fakes.executor import Script
from tests.fakes.runs import NOON
from tests.unit.test_supervisor import MARKS, RULES, Stage

ENDINGS = st.sampled_from([0, 1, -9, -11, 64, 75, 78, None])
WISHES = st.lists(st.sampled_from(Wish), max_size=4)
TRAINERS = st.fixed_dictionaries(
    {
        "exit_code": ENDINGS,
        "lives_seconds": st.sampled_from([0.0, 0.3, 5.0, 500.0]),
        "on_term": st.sampled_from([75, -15, 0, None]),
        "beats": st.booleans(),
        "saves": st.booleans(),
        "has_result": st.booleans(),
        "wishes": WISHES,
        "pauses_itself": st.booleans(),
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
    keeps_slot=st.booleans(),
)
def test_a_supervised_run_always_comes_to_rest(
    trainers: list[dict[str, Any]],
    state: RunState,
    wish: Wish,
    failures: int,
    adopted: dict[str, Any] | None,
    keeps_slot: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        stage.rules = replace(RULES, hang=HangLimits(40, 20, 40, 40, 40))
        attempts = (Attempt(1, "t1", NOON),) if state in WITH_ATTEMPT else ()
        facts = {"keeps_slot": keeps_slot, "slots": ("cpu:0",)}
        stage.create(state=state, wish=wish, failures=failures, attempts=attempts, **facts)
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
    if not how["has_result"]:
        made.on_end = lambda _: None
    wishes = [stage.wish(wish) for wish in how["wishes"]]
    if how["pauses_itself"]:
        wishes.append(stage.once(lambda: stage.supervisor and stage.supervisor.pause("the disk is nearly full")))
    made.on_wait = lambda: wishes.pop(0)() if wishes else None
    return made


def check(stage: Stage, run: Run, failures_before: int) -> None:
    assert waits(run) or run.is_over or run.state is RunState.PAUSED
    assert waits(run) or not run.needs_supervisor, "at rest, or left to the queue"
    assert run.state is not RunState.PAUSED or waits(run) or run.wish is Wish.PAUSE
    assert run.state is not RunState.FINISHED or not stage.states or stage.folder.adapter.is_dir()
    assert all(attempt.ended_at for attempt in run.attempts[1:])
    held_on = run.state is RunState.PAUSED and run.keeps_slot
    assert not stage.states or run.slots == (("cpu:0",) if held_on else ())
    assert [attempt.number for attempt in run.attempts] == list(range(1, len(run.attempts) + 1))
    assert run.failures <= max(3, failures_before)
    resumed = [attempt.resumed_from_step or 0 for attempt in run.attempts]
    assert resumed == sorted(resumed), "no attempt goes back behind a whole checkpoint"
    is_untouched = stage.executor.calls == []
    assert is_untouched or stage.executor.find(stage.folder.trainer_lock) == (Liveness.DEAD, None)
