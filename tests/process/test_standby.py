"""A process that waits beside the trainer and takes over when that one dies; the mechanism is the real one."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.executors import process_table
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process

ENDLESS: dict[str, Any] = {"total_steps": 100_000, "step_seconds": 0.02, "save_every": 5}


@pytest.fixture
def warm_lab(make_lab: Callable[..., Lab]) -> Lab:
    return make_lab(standby="true", standby_after_seconds="0", standby_min_free_bytes="0")


def stop(lab: Lab) -> None:
    lab.manager.stop("a-run")
    assert lab.wait_for_over().state is RunState.STOPPED, lab.story()
    wait_until(lambda: lab.marked() == [], "nobody is left")


def test_the_standby_becomes_the_next_trainer_and_another_one_waits(warm_lab: Lab) -> None:
    warm_lab.start(**ENDLESS)
    for attempt in (2, 3):
        waiting = warm_lab.wait_for_standby()
        warm_lab.kill(warm_lab.trainer())
        warm_lab.wait_for_step(1, attempt)
        said = f"attempt {attempt} is process {waiting.pid}, the warm standby"
        # the trainer is quicker than the store
        wait_until(lambda said=said: said in warm_lab.journal(), warm_lab.story)
        assert warm_lab.trainer() == waiting, warm_lab.story()
        run = warm_lab.get()
        assert run.latest_attempt is not None
        assert run.latest_attempt.process == waiting
        environment = process_table.environment(waiting.pid)
        assert environment["PEFT_STUDIO_TOKEN"] == run.latest_attempt.token, "a sweep finds it"
    assert [attempt.exit_code for attempt in warm_lab.get().attempts[:2]] == [-9, -9]
    first, second = (step["step"] for step in warm_lab.steps() if step["attempt"] == 2), warm_lab.get().attempts[1]
    assert next(first) == (second.resumed_from_step or 0) + 1
    stop(warm_lab)


def test_what_the_new_trainer_says_goes_to_its_own_log_and_its_exit_code_is_known(warm_lab: Lab) -> None:
    warm_lab.start(**ENDLESS)
    warm_lab.wait_for_standby()
    warm_lab.plan(total_steps=warm_lab.steps()[-1]["step"] + 20, attempts={"2": {"flood_bytes": 200}})
    warm_lab.kill(warm_lab.trainer())
    run = warm_lab.wait_for_over()
    assert (run.state, [a.exit_code for a in run.attempts]) == (RunState.FINISHED, [-9, 0]), warm_lab.story()
    assert RunDirectory(run.run_dir).log(2).read_text().split() == ["flood", "0", "flood", "1"]
    wait_until(lambda: warm_lab.marked() == [], "nobody is left")


def test_a_killed_standby_is_missed_and_harms_nobody(warm_lab: Lab) -> None:
    warm_lab.start(**ENDLESS)
    waiting, trainer = warm_lab.wait_for_standby(), warm_lab.trainer()
    warm_lab.kill(waiting)
    wait_until(lambda: "the warm standby is gone (exit code -9)" in warm_lab.journal(), "it is missed")
    assert warm_lab.trainer() == trainer
    warm_lab.kill(trainer)
    warm_lab.wait_for_step(1, attempt=2)
    assert warm_lab.trainer() not in (None, trainer, waiting), "a cold start"
    stop(warm_lab)


def test_a_standby_that_dies_unseen_is_no_trainer(warm_lab: Lab) -> None:
    """It is killed in the same moment as the trainer; the attempt starts cold, and nothing counts twice."""
    warm_lab.start(**ENDLESS)
    waiting, trainer = warm_lab.wait_for_standby(), warm_lab.trainer()
    assert trainer is not None
    os.kill(waiting.pid, signal.SIGKILL)
    os.kill(trainer.pid, signal.SIGKILL)
    warm_lab.wait_for_step(1, attempt=2)
    assert warm_lab.trainer() not in (None, trainer, waiting)
    assert [attempt.exit_code for attempt in warm_lab.get().attempts] == [-9, None]
    stop(warm_lab)


def test_with_its_supervisor_the_standby_leaves_and_the_trainer_goes_on(warm_lab: Lab) -> None:
    warm_lab.start(**ENDLESS)
    waiting, trainer = warm_lab.wait_for_standby(), warm_lab.trainer()
    warm_lab.kill(warm_lab.supervisor())
    wait_until(lambda: not process_table.is_alive(waiting), "the standby has left")
    assert warm_lab.trainer() == trainer
    warm_lab.bring_back()
    second = warm_lab.wait_for_standby()
    assert second != waiting, "whoever adopts the trainer has a standby of its own"
    assert warm_lab.trainer() == trainer
    warm_lab.kill(trainer)
    warm_lab.wait_for_step(1, attempt=2)
    assert warm_lab.trainer() == second, warm_lab.story()
    stop(warm_lab)


def test_a_trainer_that_was_a_standby_outlives_its_supervisor(warm_lab: Lab) -> None:
    warm_lab.start(**ENDLESS)
    waiting = warm_lab.wait_for_standby()
    warm_lab.kill(warm_lab.trainer())
    warm_lab.wait_for_step(1, attempt=2)
    warm_lab.kill(warm_lab.supervisor())
    step = warm_lab.steps()[-1]["step"]
    warm_lab.wait_for_step(step + 5, attempt=2)
    assert warm_lab.trainer() == waiting
    warm_lab.bring_back()
    wait_until(lambda: any("adopted" in line for line in warm_lab.journal()), "it is adopted")
    stop(warm_lab)


def test_a_sweep_of_the_attempt_before_spares_the_one_that_waits(warm_lab: Lab) -> None:
    """The end of an attempt ends whatever it left behind, a grandchild in its own session too."""
    warm_lab.start(**ENDLESS, attempts={"1": {"grandchild": "session"}})
    waiting = warm_lab.wait_for_standby()
    before = set(warm_lab.marked())
    warm_lab.kill(warm_lab.trainer())
    warm_lab.wait_for_step(1, attempt=2)
    wait_until(lambda: warm_lab.marked()[:1] == [waiting.pid], "only the new trainer and its standby are left")
    assert len(before) == 3, "trainer, grandchild, standby"
    stop(warm_lab)


def test_without_memory_to_spare_there_is_no_standby(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(standby="true", standby_after_seconds="0", standby_min_free_bytes=str(10**15))
    lab.start(**ENDLESS)
    lab.wait_for_step(100)
    assert lab.standby() is None
    assert not RunDirectory(lab.get().run_dir).standby_lock.exists()
    stop(lab)


def test_a_run_that_can_have_none_says_so_once(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab(standby="true", standby_after_seconds="0", standby_min_free_bytes="0", standby_exit="64")
    lab.start(**ENDLESS)
    wait_until(lambda: [line for line in lab.journal() if "no warm standby" in line], "it is said")
    stop(lab)


def test_a_stopped_standby_does_not_outlive_the_run(warm_lab: Lab) -> None:
    warm_lab.start(**ENDLESS)
    waiting = warm_lab.wait_for_standby()
    os.kill(waiting.pid, signal.SIGSTOP)
    stop(warm_lab)
    assert not process_table.is_alive(waiting)
