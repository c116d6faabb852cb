"""Runs that go on beyond their end, and runs that begin from another one's checkpoint, with a real trainer."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.run import Attempt
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.services.branching import Branching
from backend.services.config_service import ConfigService
from backend.services.preflight import Preflight
from backend.services.training import TrainingService
from backend.store.branch_files import LocalBranchFiles
from backend.store.checkpoints import Checkpoint, damage
from backend.store.orders import Orders
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.processes import FakeProcesses
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, a_run
from tests.training.runs import MakeRun, attempt_here, curves, weights

pytestmark = pytest.mark.training


class Studio:
    """The services that make runs of runs, over a store in memory."""

    def __init__(self, folder: Path) -> None:
        clock, processes, configs = FakeClock(), FakeProcesses(), ConfigService()
        self.store = FakeRunStore(clock)
        preflight = Preflight(folder, lambda _: 10**12, lambda _: "1.0")
        training = TrainingService(self.store, LocalRunFiles(), processes, preflight, configs, clock, folder / "runs")
        self.branching = Branching(self.store, LocalBranchFiles(), processes, training, configs)

    def knows(self, run: RunDirectory, last_step: int) -> str:
        attempt = Attempt(1, "t", NOON, ended_at=NOON, exit_code=0, last_step=last_step)
        facts: dict[str, Any] = {"state": RunState.FINISHED, "wish": Wish.STOP, "attempts": (attempt,)}
        self.store.create(a_run(run.root.name, run_dir=run.root, **facts))
        return run.root.name


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def steps(points: list[tuple[int, float]], after: int) -> list[tuple[int, float]]:
    return [point for point in points if point[0] > after]


@pytest.mark.parametrize("scheduler", ["constant", "cosine"])
def test_an_extended_run_goes_on_as_one_that_was_as_long_from_the_start(
    scheduler: str, make_run: MakeRun, studio: Studio
) -> None:
    """With a constant rate to the bit; with a schedule the rate after the old end is that of the longer run."""
    training = {"max_steps": 7, "save_steps": 5, "scheduler": scheduler, "warmup_ratio": 0.2}
    short = make_run("short", training=training)
    long = make_run("long", training=training | {"max_steps": 12})
    attempt_here(long)
    attempt_here(short)
    before, run_id = weights(short), studio.knows(short, 7)

    run = studio.branching.extend(run_id, 5)
    assert Orders(short.root).make_way(2) == "adapter-step-7"
    attempt_here(short)

    assert run.wish is Wish.RUN
    assert "extended by 5 steps, from step 7 to 12" in studio.store.journal(run_id)[-1].reason
    assert (short.root / "adapter-step-7" / "adapter_model.safetensors").read_bytes() == before
    found, expected = curves(short), curves(long)
    assert [step for step, _ in found["train/loss"]] == list(range(1, 13))
    rates = "train/learning_rate"
    assert steps(found[rates], 7) == steps(expected[rates], 7)
    if scheduler == "constant":
        assert weights(short) == weights(long)
        assert found["train/loss"] == expected["train/loss"]
    else:
        assert found[rates] != expected[rates]


def test_an_extension_takes_back_an_early_end(make_run: MakeRun, studio: Studio) -> None:
    guards = {"early_stopping_evaluations": 1, "min_delta": 1e5}
    run = make_run(training={"max_steps": 30, "eval_steps": 2}, guards=guards)
    attempt_here(run)
    last = curves(run)["train/loss"][-1][0]
    assert last < 30

    studio.branching.extend(studio.knows(run, last), 2)
    Orders(run.root).make_way(2)
    attempt_here(run)

    assert curves(run)["train/loss"][-1][0] == last + 2


def test_a_fork_goes_on_from_a_verified_checkpoint_with_changed_settings(make_run: MakeRun, studio: Studio) -> None:
    parent = make_run("parent")
    attempt_here(parent)
    before = {path: path.read_bytes() for path in parent.checkpoints.rglob("*") if path.is_file()}
    run_id = studio.knows(parent, 12)

    changes = {"training.learning_rate": 1e-3, "training.weight_decay": 0.1, "training.scheduler": "constant"}
    same = studio.branching.fork(run_id, 10, {})
    other = studio.branching.fork(run_id, 10, changes, "gentler")

    assert same.origin == other.origin
    assert other.name == "gentler"
    taken = Checkpoint(10, RunDirectory(other.run_dir).checkpoints / "checkpoint-10")
    assert damage(taken) is None
    attempt_here(RunDirectory(same.run_dir))
    attempt_here(RunDirectory(other.run_dir))
    assert weights(RunDirectory(same.run_dir)) == weights(parent), "with nothing changed it is the same run"
    assert weights(RunDirectory(other.run_dir)) != weights(parent)
    found = curves(RunDirectory(other.run_dir))
    assert [step for step, _ in found["train/loss"]] == [11, 12]
    assert [rate for _, rate in found["train/learning_rate"]] == pytest.approx([1e-3, 1e-3])
    assert {path: path.read_bytes() for path in before} == before, "the parent is as it was"
