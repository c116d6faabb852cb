"""What a person can do with a run, by its state."""

from dataclasses import replace

import pytest

from backend.domain.next_steps import NextStep, next_steps, what_now
from backend.domain.queue import waits_in_vain
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from tests.fakes.dashboard import a_view
from tests.fakes.runs import a_run


def view(state: RunState, wish: Wish = Wish.STOP, **facts: object) -> RunView:
    return a_view(run=a_run(state=state, wish=wish, slots=() if state is RunState.QUEUED else ("cpu:0",)), **facts)


def test_a_run_that_goes_on_needs_nothing() -> None:
    for state in (RunState.RUNNING, RunState.STARTING, RunState.BACKOFF):
        assert next_steps(view(state, Wish.RUN)) == ()
        assert what_now(view(state, Wish.RUN), 0) == ""


def test_a_finished_run_is_asked_and_compared() -> None:
    done = view(RunState.FINISHED, has_adapter=True)
    assert next_steps(done) == (NextStep.CHAT, NextStep.COMPARE)
    assert "ready" in what_now(done, 0)
    gone = view(RunState.FINISHED)
    assert next_steps(gone) == (NextStep.COMPARE,)
    assert "not in its folder" in what_now(gone, 0)


def test_a_failed_run_has_its_log() -> None:
    assert next_steps(view(RunState.FAILED)) == (NextStep.READ_LOG, NextStep.COMPARE)


def test_a_run_without_a_result_is_asked_by_its_last_checkpoint() -> None:
    assert next_steps(view(RunState.PAUSED, Wish.PAUSE, last_checkpoint_step=5)) == (NextStep.CHAT,)
    assert next_steps(view(RunState.STOPPED)) == ()
    assert NextStep.CHAT in next_steps(view(RunState.FAILED, last_checkpoint_step=5))


def test_a_waiting_run_has_a_place() -> None:
    waiting = view(RunState.QUEUED, Wish.RUN, queue_position=3)
    assert next_steps(waiting) == (NextStep.ORDER,)
    assert what_now(waiting, 5).startswith("Place 3 of 5 in the queue.")


@pytest.mark.parametrize(("step", "words"), [(None, "from the start"), (1_200, "step 1,200")])
def test_a_run_at_rest_says_where_it_would_go_on(step: int | None, words: str) -> None:
    assert words in what_now(view(RunState.PAUSED, Wish.PAUSE, last_checkpoint_step=step), 0)
    assert words in what_now(view(RunState.STOPPED, last_checkpoint_step=step), 0)


def test_a_run_waits_in_vain_for_one_that_will_not_finish() -> None:
    waiting = a_run("b", after="a", state=RunState.QUEUED)
    assert waits_in_vain(waiting, None)
    assert waits_in_vain(waiting, a_run("a", state=RunState.FAILED, wish=Wish.STOP))
    assert waits_in_vain(waiting, a_run("a", state=RunState.STOPPED, wish=Wish.STOP))
    assert not waits_in_vain(waiting, a_run("a", state=RunState.FAILED, wish=Wish.RUN))
    assert not waits_in_vain(waiting, a_run("a", state=RunState.FINISHED, wish=Wish.STOP))
    assert not waits_in_vain(waiting, a_run("a", state=RunState.RUNNING))
    assert not waits_in_vain(replace(waiting, after=""), None)
