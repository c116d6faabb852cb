"""One tiny model and dataset, one undisturbed run to compare with, one run that was killed three times."""

import json
import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.processes import kill
from tests.acceptance.studio import Said, Studio, opened
from tests.acceptance.trained import SAVE_STEPS, STEPS, Result, Room, Trained, chosen_seed, result
from tests.fakes.tiny_models import tiny_model
from tests.training.runs import curves, sum_row

log = logging.getLogger(__name__)


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    folder = tmp_path_factory.mktemp("acceptance")
    rows = [sum_row(a, b) for a in range(6) for b in range(7)]
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    tiny_model(folder / "model", "llama", [turn["content"] for row in rows for turn in row["messages"]])
    room = Room(folder, folder / "run.yaml")
    room.write("run.yaml")
    return room


@pytest.fixture(scope="session")
def undisturbed(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run that nobody touches; the measure for all the others."""
    with opened(tmp_path_factory.mktemp("undisturbed") / "workspace") as studio:
        said = studio.say("train", room.order, "--wait", "--json")
        shown = said.json()
        studio.wait_for_quiet()
        yield Trained(studio, shown["id"], said, shown)


@pytest.fixture(scope="session")
def survivor(room: Room, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run whose trainer was killed at three random steps, one in each third."""
    seed, third = chosen_seed(), STEPS // 3
    chance = random.Random(seed)  # noqa: S311 - a test, not a secret
    steps = [chance.randrange(i * third + 1, (i + 1) * third - 20) for i in range(3)]
    log.warning("killing at steps %s; repeat with ACCEPTANCE_SEED=%d", steps, seed)
    with opened(tmp_path_factory.mktemp("survivor") / "workspace") as studio:
        studio.hold.at(*steps)
        waiting = studio.begin("train", room.order, "--wait", "--json")
        run_id = studio.only_run()
        for attempt, step in enumerate(steps, 1):
            trainer = studio.at_step(run_id, step, attempt)
            if step > SAVE_STEPS:
                studio.wait_for_checkpoint(run_id, (step - 1) // SAVE_STEPS * SAVE_STEPS)
            kill(trainer)
        out, err = waiting.communicate()
        said = Said(waiting.returncode, out, err)
        studio.wait_for_quiet()
        yield Trained(studio, run_id, said, studio.show(run_id))


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with opened(tmp_path / "workspace") as studio:
        yield studio


@pytest.fixture(scope="session")
def expected(undisturbed: Trained) -> Result:
    return result(undisturbed.studio, undisturbed.run_id)


@pytest.fixture
def is_like_undisturbed(expected: Result) -> Callable[[Studio, str], bool]:
    """Whether a run gave the same weights, bit for bit, and the same curves, each step exactly once."""
    import torch

    def check(studio: Studio, run_id: str) -> bool:
        found = result(studio, run_id)
        assert found.tensors.keys() == expected.tensors.keys()
        for name, tensor in expected.tensors.items():
            assert torch.equal(found.tensors[name], tensor), name
        assert found.curves == expected.curves
        assert list(studio.curve(run_id, "train/loss")) == list(range(1, STEPS + 1))
        by_tensorboard = curves(studio.folder(run_id))["train/loss"]
        assert [step for step, _ in by_tensorboard] == list(range(1, STEPS + 1)), "a restart marker is wrong"
        return True

    return check
