"""What checkpoints are made of: nested states, random generators, loss scales, and the writer beside the loop."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.amp import GradScaler

from backend.domain.run_directory import RunDirectory
from backend.store.checkpoints import Checkpoint, damage, sealed
from backend.trainer.attempt import OwnAttempt
from backend.trainer.curves import EventFile
from backend.trainer.errors import AttemptSuperseded, NotWritten
from backend.trainer.randomness import random_states, restore_random_states
from backend.trainer.saving import Saver
from backend.trainer.snapshot import Snapshot
from backend.trainer.tensor_tree import Tree, read_tree


def test_a_nested_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {
        "state": {0: {"step": torch.tensor(3.0), "mask": torch.tensor([], dtype=torch.uint8)}, 1: {}},
        "param_groups": [{"lr": 0.1 + 0.2, "betas": (0.9, 0.999), "foreach": None, "fused": True, "params": [0, 1]}],
        "bf16": torch.tensor([[1.5, -2.25]], dtype=torch.bfloat16),
        "tensor": "a text that is called like a mark",
        "infinite": float("inf"),
    }
    Tree(state).write(tmp_path, "state")

    found = read_tree(tmp_path, "state")

    assert torch.equal(found.pop("bf16"), state.pop("bf16"))  # type: ignore[arg-type]
    mask = found["state"][0].pop("mask")
    assert (mask.dtype, mask.shape) == (torch.uint8, (0,))
    state["state"][0].pop("mask")  # type: ignore[index]
    assert found == state


def test_a_nested_state_is_a_copy(tmp_path: Path) -> None:
    tensor = torch.zeros(3)
    tree = Tree([tensor])
    tensor += 1
    tree.write(tmp_path, "state")
    assert read_tree(tmp_path, "state")[0].tolist() == [0, 0, 0]


def test_what_only_a_pickle_could_keep_is_refused() -> None:
    with pytest.raises(TypeError, match="not _MainThread"):
        Tree({"thread": threading.current_thread()})


@pytest.mark.parametrize("text", ['{"what": 1}', '{"dict": [1]}', '{"dict": [[1]]}', "[1]"])
def test_a_nesting_that_is_none_of_ours_is_refused(text: str, tmp_path: Path) -> None:
    Tree(1).write(tmp_path, "state")
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(ValueError, match="no nested state"):
        read_tree(tmp_path, "state")


def test_the_random_generators_go_on_where_they_were(tmp_path: Path) -> None:
    random.gauss(0, 1)  # keeps a second value
    np.random.standard_normal()
    Tree(random_states()).write(tmp_path, "random")

    def draw() -> tuple[float, float, float, float, list[float]]:
        numbers = np.random.random(), np.random.standard_normal()
        return random.random(), random.gauss(0, 1), *numbers, torch.rand(3).tolist()  # noqa: S311

    expected = draw()
    restore_random_states(read_tree(tmp_path, "random"))
    assert draw() == expected


def test_the_scale_of_the_losses_goes_on_where_it_was(tmp_path: Path) -> None:
    """float16 itself needs a GPU; its scaler works on the CPU."""
    expected, resumed = GradScaler("cpu", growth_interval=2), GradScaler("cpu", growth_interval=2)
    train_with(expected, [1.0, float("inf"), 1.0])
    Tree(expected.state_dict()).write(tmp_path, "scaler")
    resumed.load_state_dict(read_tree(tmp_path, "scaler"))
    assert resumed.get_scale() == expected.get_scale() == 2.0**15

    train_with(expected, [1.0])
    train_with(resumed, [1.0])
    assert resumed.get_scale() == expected.get_scale() == 2.0**16, "the count of good steps was kept as well"


def train_with(scaler: GradScaler, gradients: list[float]) -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for gradient in gradients:
        optimizer.zero_grad()
        scaler.scale(weight.sum() * gradient).backward()
        scaler.step(optimizer)
        scaler.update()


@dataclass
class Desk:
    """A saver over a folder, and weights that are written when they are told to."""

    folder: Path
    fence: list[str] = field(default_factory=list)
    protected: frozenset[int] = frozenset()
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.run = RunDirectory(self.folder)
        self.run.checkpoints.mkdir()
        events = EventFile(self.run.tensorboard, first_step=0)
        attempt = OwnAttempt(self.run, 1, "ours")
        self.saver = Saver(attempt, events, 2, lambda: self.protected)
        self.gate.set()

    def snapshot(self, step: int, weights: Callable[[Path], None] | None = None) -> Snapshot:
        return Snapshot(step, weights or self.write, {"optimizer": Tree({"step": step})}, {"progress.json": "{}"})

    def write(self, folder: Path) -> None:
        assert self.gate.wait(60)
        (folder / "weights.json").write_text("{}")

    def save(self, step: int, **options: Any) -> None:
        self.saver.save(self.snapshot(step, **options), lambda: None)

    def steps(self) -> list[int]:
        return [checkpoint.step for checkpoint in sealed(self.run.checkpoints)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_loop_goes_on_while_a_checkpoint_is_written(desk: Desk) -> None:
    desk.gate.clear()
    desk.save(1)
    assert desk.steps() == []

    desk.gate.set()
    desk.saver.wait()

    assert damage(Checkpoint(1, desk.run.checkpoints / "checkpoint-1")) is None


def test_a_second_checkpoint_waits_for_the_first_and_says_so(desk: Desk) -> None:
    desk.gate.clear()
    desk.save(1)
    signs = []

    def sign() -> None:
        signs.append(desk.steps())
        desk.gate.set()

    desk.saver.save(desk.snapshot(2), sign)

    assert signs[0] == []
    assert 1 in desk.steps()
    desk.saver.wait()
    assert desk.steps() == [2, 1]


def test_the_oldest_go_but_not_the_protected_ones(desk: Desk) -> None:
    desk.protected = frozenset({2})
    for step in range(1, 6):
        desk.save(step)
    desk.saver.wait()
    assert desk.steps() == [5, 4, 2]


def test_what_goes_wrong_is_raised_once_and_leaves_nothing(desk: Desk) -> None:
    def fail(folder: Path) -> None:
        raise PermissionError(13, "no")

    desk.save(1, weights=fail)
    with pytest.raises(NotWritten):
        desk.saver.wait()
    assert list(desk.run.checkpoints.iterdir()) == []
    desk.save(2)
    desk.saver.wait()
    assert desk.steps() == [2]


def test_a_run_that_was_given_to_another_attempt_gets_no_checkpoint(desk: Desk) -> None:
    desk.run.fence.write_text('{"number": 2, "token": "theirs"}')
    desk.save(1)
    with pytest.raises(AttemptSuperseded):
        desk.saver.wait()
    assert list(desk.run.checkpoints.iterdir()) == []
