from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.adjustments import Adjustment
from backend.domain.decisions import End, Ending, Policy, Restart, decide, spread
from backend.domain.diagnosis import NEVER_RETRIED, NO_RESULT, Diagnosis
from backend.domain.disk_room import Room
from backend.domain.states import RunState, Wish

SMALLER = Adjustment(attempt=2, reason="it goes on with batch_size 8 -> 4", changes={"training.batch_size": 4})
MEMORY = Diagnosis("out-of-memory", "the machine ran out of memory", "Smaller.", is_worth_retrying=False)
KILLED = Diagnosis("killed", "killed by SIGKILL", "Look at the memory.", is_worth_retrying=True)
HOPELESS = Diagnosis("dataset-empty", "No rows", "Fill it.", is_worth_retrying=False)
CRASH = Ending(-9, KILLED, last_step=420)
PROGRESS = replace(CRASH, has_new_checkpoint=True, resume_step=400)
RUN, PAUSE, STOP, NOW = Wish.RUN, Wish.PAUSE, Wish.STOP, Wish.STOP_NOW
EMPTY = replace(CRASH, exit_code=0, has_result=False, diagnosis=NO_RESULT)

FULL = replace(
    PROGRESS, exit_code=74, diagnosis=Diagnosis("disk-full", "it is full", "Make room.", is_worth_retrying=False)
)
TABLE = {
    "a full disk pauses the run": (FULL, RUN, 0, RunState.PAUSED),
    "a full disk at the checkpoint of a pause, too": (FULL, PAUSE, 0, RunState.PAUSED),
    "a full disk while stopping is stopped": (FULL, STOP, 0, RunState.STOPPED),
    "exit 0 is finished": (replace(CRASH, exit_code=0), RUN, 0, RunState.FINISHED),
    "exit 0 is finished, although a stop came": (replace(CRASH, exit_code=0), STOP, 0, RunState.FINISHED),
    "75 after a stop is stopped": (replace(CRASH, exit_code=75), STOP, 0, RunState.STOPPED),
    "a crash while stopping is stopped": (CRASH, STOP, 2, RunState.STOPPED),
    "a hopeless error while stopping is stopped": (
        replace(CRASH, diagnosis=HOPELESS),
        STOP,
        0,
        RunState.STOPPED,
    ),
    "a hopeless error is failed at once": (replace(CRASH, diagnosis=HOPELESS), RUN, 0, RunState.FAILED),
    "even after progress": (replace(PROGRESS, diagnosis=HOPELESS), RUN, 0, RunState.FAILED),
    "the fourth failure in a row is failed": (CRASH, RUN, 3, RunState.FAILED),
    "75 with progress goes on at once": (replace(PROGRESS, exit_code=75), RUN, 1, Restart(0.0, "", 0)),
    "75 without progress waits a little": (replace(CRASH, exit_code=75), RUN, 1, Restart(0.5, "", 1)),
    "75 is never a failure": (replace(CRASH, exit_code=75), RUN, 2, Restart(0.5, "", 2)),
    "the first failure is tried again at once": (CRASH, RUN, 0, Restart(0.0, "", 1)),
    "the second one a second": (CRASH, RUN, 1, Restart(1.0, "", 2)),
    "the third one two": (CRASH, RUN, 2, Restart(2.0, "", 3)),
    "progress makes a failure the first one": (PROGRESS, RUN, 2, Restart(0.0, "", 1)),
    "exit 0 is finished, although a pause came": (replace(CRASH, exit_code=0), PAUSE, 0, RunState.FINISHED),
    "exit 0 without a result is a failure": (EMPTY, RUN, 0, Restart(0.0, "", 1)),
    "the fourth one ends the run": (EMPTY, RUN, 3, RunState.FAILED),
    "exit 0 without a result while pausing is paused": (EMPTY, PAUSE, 0, RunState.PAUSED),
    "exit 0 without a result while stopping is stopped": (EMPTY, STOP, 0, RunState.STOPPED),
    "75 after a pause is paused": (replace(CRASH, exit_code=75), PAUSE, 0, RunState.PAUSED),
    "a crash while pausing is paused": (CRASH, PAUSE, 3, RunState.PAUSED),
    "a configuration error while pausing is failed": (replace(CRASH, exit_code=78), PAUSE, 0, RunState.FAILED),
    "killed at once is stopped": (replace(CRASH, was_killed_to_stop=True), NOW, 0, RunState.STOPPED),
    "killed for a wish that was taken back goes on": (
        replace(CRASH, was_killed_to_stop=True),
        RUN,
        2,
        Restart(0.0, "", 2),
    ),
    "found dead while pausing is paused": (replace(CRASH, was_found_dead=True), PAUSE, 0, RunState.PAUSED),
    "found dead goes on at once, uncounted": (
        replace(CRASH, was_found_dead=True),
        RUN,
        2,
        Restart(0.0, "", 2),
    ),
    "found dead with progress refills": (replace(PROGRESS, was_found_dead=True), RUN, 2, Restart(0.0, "", 0)),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_decisions(name: str) -> None:
    ending, wish, failures, expected = TABLE[name]
    decision = decide(ending, wish, failures, Policy())
    if isinstance(decision, End):
        assert decision.state is expected
    else:
        assert replace(decision, reason="") == expected


def test_waits_grow_and_the_last_one_repeats() -> None:
    policy = Policy(max_failures=7)
    decisions = [decide(CRASH, RUN, failures, policy) for failures in range(7)]
    assert [d.delay_seconds for d in decisions if isinstance(d, Restart)] == [0, 1, 2, 2, 2, 2, 2]
    assert isinstance(decide(CRASH, RUN, 7, policy), End)


def test_a_wait_grows_by_a_quarter_at_most_and_none_stays_none() -> None:
    assert [spread(2.0, chance) for chance in (0.0, 0.5, 1.0)] == [2.0, 2.25, 2.5]
    assert spread(0.0, 1.0) == 0


def test_no_waits_means_at_once() -> None:
    assert Policy(backoff_seconds=()).wait_after(1) == 0


def test_a_failed_run_says_where_why_what_to_do_and_where_it_would_go_on() -> None:
    end = decide(replace(CRASH, resume_step=400), RUN, 3, Policy())
    assert end == End(
        RunState.FAILED,
        "killed by SIGKILL",
        "Failed at step 420: killed by SIGKILL. That was failure 4 in a row without a new checkpoint. "
        "Look at the memory. Resumed, it goes on from step 400.",
        "killed",
        is_worth_retrying=True,
    )


def test_a_stopped_run_says_honestly_how() -> None:
    def message(ending: Ending) -> str:
        end = decide(ending, STOP, 0, Policy())
        assert isinstance(end, End)
        return end.message

    asked = Ending(75, KILLED, last_step=432, resume_step=432)
    assert message(asked) == "Stopped on request at step 432. Resumed, it goes on from step 432."
    assert message(replace(asked, exit_code=-15, resume_step=None)) == (
        "Stopped on request at step 432. It has no checkpoint: resumed, it begins from the start."
    )
    assert message(replace(asked, exit_code=-9, was_killed_to_stop=True)).startswith(
        "The trainer did not stop in time and was killed."
    )
    assert "but the trainer ended first: killed by SIGKILL." in message(replace(asked, exit_code=-9))


def test_a_paused_run_says_honestly_how() -> None:
    def message(ending: Ending, why: str = "") -> str:
        end = decide(ending, PAUSE, 0, Policy(), why_paused=why)
        assert isinstance(end, End)
        return end.message

    asked = Ending(75, KILLED, last_step=432, resume_step=432)
    again, make_room = "Resumed, it goes on from step 432.", "Make room on the disk, then resume the run."
    assert message(asked) == f"Paused on request at step 432. {again}"
    assert message(asked, "the disk is nearly full") == f"Paused: the disk is nearly full. {make_room} {again}"
    killed = message(replace(asked, exit_code=-9, was_killed_to_stop=True))
    assert killed == f"Paused on request at step 432. The trainer did not end in time and was killed. {again}"
    crashed = message(replace(asked, exit_code=-9))
    assert "The trainer ended by itself first: killed by SIGKILL." in crashed


def test_a_run_stopped_at_once_says_so_and_where_it_would_go_on() -> None:
    end = decide(replace(CRASH, was_killed_to_stop=True, resume_step=400), NOW, 0, Policy())
    assert isinstance(end, End)
    assert end.message == "Stopped at once on request at step 420. Resumed, it goes on from step 400."


def test_a_failure_without_a_result_says_so() -> None:
    end = decide(EMPTY, RUN, 3, Policy())
    assert isinstance(end, End)
    assert "ended with exit 0 but without a result" in end.message
    assert end.error_id == "no-result"


def test_changed_orders_are_another_attempt_that_is_no_failure() -> None:
    ending = replace(CRASH, diagnosis=MEMORY)
    reason = "the machine ran out of memory; it goes on with batch_size 8 -> 4"
    assert decide(ending, RUN, 3, Policy(), SMALLER) == Restart(0.0, reason, 3, SMALLER)
    fresh = replace(ending, has_new_checkpoint=True)
    assert decide(fresh, RUN, 3, Policy(), SMALLER) == Restart(0.0, reason, 0, SMALLER)


def test_without_a_change_left_a_lack_of_memory_is_the_end() -> None:
    end = decide(replace(CRASH, diagnosis=MEMORY), RUN, 0, Policy())
    assert isinstance(end, End)
    assert (end.state, end.error_id) == (RunState.FAILED, "out-of-memory")


@pytest.mark.parametrize(
    ("ending", "wish"),
    [
        (replace(CRASH, exit_code=0), RUN),
        (replace(CRASH, diagnosis=MEMORY), STOP),
        (replace(CRASH, exit_code=75), RUN),
        (replace(CRASH, was_found_dead=True), RUN),
    ],
)
def test_what_is_no_failure_needs_no_change(ending: Ending, wish: Wish) -> None:
    decision = decide(ending, wish, 0, Policy(), SMALLER)
    assert isinstance(decision, End) or decision.change is None


@given(
    code=st.one_of(st.none(), st.integers(-64, 255)),
    worth=st.booleans(),
    progress=st.booleans(),
    failures=st.integers(0, 10),
    most=st.integers(1, 5),
    wish=st.sampled_from(Wish),
    dead=st.booleans(),
    killed=st.booleans(),
    has_result=st.booleans(),
)
def test_whatever_happens_the_budget_holds(
    code: int | None,
    worth: bool,
    progress: bool,
    failures: int,
    most: int,
    wish: Wish,
    dead: bool,
    killed: bool,
    has_result: bool,
) -> None:
    ending = Ending(
        code,
        replace(KILLED, is_worth_retrying=worth),
        has_new_checkpoint=progress,
        was_found_dead=dead,
        was_killed_to_stop=killed,
        has_result=has_result,
    )
    is_finished = code == 0 and has_result
    decision = decide(ending, wish, failures, Policy(most))
    if isinstance(decision, Restart):
        assert wish is RUN
        assert not is_finished
        counted = code != 75 and not dead and not killed
        assert decision.failures <= most if counted else decision.failures <= failures
        assert decision.delay_seconds >= 0
    else:
        assert decision.message
        assert (decision.state is RunState.FINISHED) == is_finished
        assert is_finished or (decision.state is RunState.STOPPED) == wish.is_stop
        is_paused = wish is PAUSE and code not in NEVER_RETRIED
        assert is_finished or (decision.state is RunState.PAUSED) == is_paused


def test_a_run_without_room_says_what_is_missing_and_where_it_goes_on() -> None:
    decision = decide(replace(FULL, room=Room(1_000_000, 6_000_000)), RUN, 0, Policy())
    assert isinstance(decision, End)
    assert decision.error_id == "disk-full"
    assert decision.message == (
        "Paused at step 420: it is full. 5.0 MB are missing: the disk has 1.0 MB free, and the next checkpoint needs "
        "6.0 MB with what is to stay free. Make room. Resumed, it goes on from step 400."
    )


@pytest.mark.parametrize(("free", "error_id"), [(1, "disk-full"), (2, "")])
def test_a_pause_is_for_want_of_room_only_if_room_is_short(free: int, error_id: str) -> None:
    decision = decide(replace(PROGRESS, exit_code=75, room=Room(free, 2)), PAUSE, 0, Policy())
    assert isinstance(decision, End)
    assert (decision.state, decision.error_id) == (RunState.PAUSED, error_id)
    assert ("The disk is nearly full: " in decision.message) == ("Make room" in decision.message) == bool(error_id)
