"""A supervisor with a trainer beside it, kept by whoever serves the dashboard, takes the next run."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from backend.domain.run import ProcessIdentity
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.executors import process_table
from backend.executors.environment import RUN_ID, TOKEN
from backend.supervisor.spare import LOCK_NAME
from tests.process.lab import PATIENCE_SECONDS, PROGRAM, Lab, wait_until

pytestmark = pytest.mark.process

ENDLESS: dict[str, Any] = {"total_steps": 100_000, "step_seconds": 0.02, "save_every": 5}
OWNER = (sys.executable, "-m", "tests.process.spare_owner")


@contextmanager
def an_owner(lab: Lab, spare: dict[str, str] | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A program that keeps a spare supervisor in the lab's workspace; left with kill -9."""
    told = {"SUPERVISOR_ENVIRONMENT": lab.environment, "SPARE_ENVIRONMENT": spare or lab.environment}
    texts = {name: json.dumps(value) for name, value in told.items()}
    environment = os.environ | texts | {"SUPERVISOR": str(PROGRAM), "PEFT_STUDIO_SPARE": "true"}
    owner = subprocess.Popen((*OWNER, str(lab.workspace)), env=environment, stdout=subprocess.PIPE, text=True)
    try:
        yield owner
    finally:
        owner.kill()
        owner.communicate()


def wait_until_ready(owner: "subprocess.Popen[str]") -> int:
    """The memory of the spare processes, when they have said that they are ready."""
    assert owner.stdout is not None
    assert select.select([owner.stdout], [], [], PATIENCE_SECONDS)[0], "a spare is ready"
    return int(owner.stdout.readline())


def waiting(lab: Lab) -> tuple[ProcessIdentity, ProcessIdentity]:
    """The spare supervisor and its trainer."""
    found = [lab.executor.find(lab.workspace / name)[1] for name in ("spare.lock", LOCK_NAME)]
    assert found[0] is not None
    assert found[1] is not None
    return found[0], found[1]


def test_a_new_run_is_taken_by_the_spare_and_goes_on_when_its_owner_is_killed(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    with an_owner(lab) as owner:
        assert wait_until_ready(owner) > 20_000_000, "two Pythons"
        supervisor, trainer = waiting(lab)
        lab.make(**ENDLESS)
        lab.wait_for_step(1)
        said = f"attempt 1 is process {trainer.pid}, the warm standby"
        wait_until(lambda: said in lab.journal(), lab.story)  # the trainer is quicker than the store
        assert (lab.supervisor(), lab.trainer()) == (supervisor, trainer), lab.story()
        attempt = lab.get().latest_attempt
        assert attempt is not None
        environment = process_table.environment(trainer.pid)
        assert environment[TOKEN] == attempt.token, "a sweep finds it"
        assert RUN_ID not in environment, "nobody knew the run"
        folder = RunDirectory(lab.get().run_dir)
        assert "looking after a-run" in folder.supervisor_log.read_text()
        wait_until_ready(owner)
        second = waiting(lab)
        assert not {supervisor, trainer} & set(second)
    wait_until(lambda: not any(process_table.is_alive(one) for one in second), "both leave with their owner")
    step = lab.steps()[-1]["step"]
    lab.wait_for_step(step + 5)
    assert (lab.supervisor(), lab.trainer()) == (supervisor, trainer)
    lab.manager.stop("a-run")
    assert lab.wait_for_over().state is RunState.STOPPED, lab.story()
    wait_until(lambda: not any(process_table.is_alive(one) for one in (supervisor, trainer)), "nobody is left")


def test_a_run_of_the_spare_that_crashes_is_swept_and_goes_on(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    with an_owner(lab) as owner:
        wait_until_ready(owner)
        supervisor, trainer = waiting(lab)
        lab.make(attempts={"1": {"crash_at_step": 7, "grandchild": "session"}}, total_steps=12)
        run = lab.wait_for_over()
    assert (run.state, [a.exit_code for a in run.attempts]) == (RunState.FINISHED, [1, 0]), lab.story()
    assert run.attempts[0].process == trainer
    assert run.attempts[1].process != trainer
    left = [p.pid for p in process_table.processes() if _has(p.pid, run.attempts[0].token) and not p.is_zombie]
    assert left == [], "what the first attempt left behind has only its token"
    wait_until(lambda: not process_table.is_alive(supervisor), "it has left")


def test_an_end_of_the_spare_trainer_ends_the_spare(make_lab: Callable[..., Lab]) -> None:
    lab = make_lab()
    with an_owner(lab) as owner:
        wait_until_ready(owner)
        supervisor, trainer = waiting(lab)
        lab.kill(trainer)
        wait_until(lambda: not process_table.is_alive(supervisor), "it is of no use without it")
        lab.make(total_steps=5)
        run = lab.wait_for_over()
    assert run.state is RunState.FINISHED, lab.story()


def test_an_order_with_another_environment_is_a_cold_start(make_lab: Callable[..., Lab]) -> None:
    """The process stays, with its lock; program, environment and trainer are new."""
    lab = make_lab()
    spare = lab.environment | {"HF_HOME": "/elsewhere"}
    with an_owner(lab, spare) as owner:
        wait_until_ready(owner)
        supervisor, trainer = waiting(lab)
        lab.make(**ENDLESS)
        lab.wait_for_step(1)
        assert lab.supervisor() == supervisor
        assert lab.trainer() not in (None, trainer)
        wait_until(lambda: not process_table.is_alive(trainer), "the trainer that is of no use has left")
        assert "HF_HOME" not in process_table.environment(supervisor.pid)
    lab.manager.stop("a-run")
    lab.wait_for_over()


def _has(pid: int, token: str) -> bool:
    return process_table.environment(pid).get(TOKEN) == token
