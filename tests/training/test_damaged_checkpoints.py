"""Thirty ways to damage or poison a checkpoint: each is put aside and the one before is used."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.store.checkpoints import MANIFEST, Checkpoint, write_manifest_text
from backend.trainer.resume import resume_point
from tests.training.runs import Crash, MakeRun, attempt_here, checkpoints

pytestmark = pytest.mark.training

MARKER = "poisoned-marker"
Damage = Callable[[Path], None]


class Poison:
    """Unpickling it leaves a marker."""

    def __init__(self, marker: Path) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self._marker),)


def missing(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def flipped(name: str, share: float) -> Damage:
    def damage(folder: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[int(share * (len(data) - 1))] ^= 1
        (folder / name).write_bytes(data)

    return damage


def cut(name: str, keep: float) -> Damage:
    return lambda folder: os.truncate(folder / name, int((folder / name).stat().st_size * keep))


def written(name: str, text: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_text(text)

    return damage


def other_step(folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(folder.with_name("checkpoint-5"), folder)


def other_step_sealed(folder: Path) -> None:
    other_step(folder)
    seal(folder)


def linked(folder: Path) -> None:
    elsewhere = folder.parent / "elsewhere"
    (folder / "optimizer.safetensors").rename(elsewhere)
    (folder / "optimizer.safetensors").symlink_to(elsewhere)


def poisoned(name: str) -> Damage:
    """A pickle under a name that other programs would unpickle, sealed by whoever put it there."""

    def damage(folder: Path) -> None:
        import torch

        torch.save(Poison(folder.parent / MARKER), folder / name)
        seal(folder)

    return damage


def sealed_without(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        seal(folder)

    return damage


def sealed_with(name: str, text: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).write_text(text)
        seal(folder)

    return damage


def seal(folder: Path) -> None:
    (folder / MANIFEST).write_text(write_manifest_text(folder, int(folder.name.rpartition("-")[2])))


WEIGHTS, OPTIMIZER = "adapter_model.safetensors", "optimizer.safetensors"
WAYS: dict[str, Damage] = {
    "no manifest": missing(MANIFEST),
    "manifest cut": cut(MANIFEST, 0.5),
    "manifest empty": cut(MANIFEST, 0),
    "manifest of nothing": written(MANIFEST, '{"version": 1, "step": 10, "files": {}}'),
    "manifest that is a list": written(MANIFEST, "[]"),
    "manifest that names what lies outside": written(
        MANIFEST, '{"step": 10, "files": {"../checkpoint-5/progress.json": {}}}'
    ),
    "no weights": missing(WEIGHTS),
    "weights flipped at the start": flipped(WEIGHTS, 0),
    "weights flipped in the middle": flipped(WEIGHTS, 0.5),
    "weights flipped at the end": flipped(WEIGHTS, 1),
    "weights cut": cut(WEIGHTS, 0.5),
    "weights empty": cut(WEIGHTS, 0),
    "no optimizer": missing(OPTIMIZER),
    "optimizer flipped": flipped(OPTIMIZER, 0.5),
    "optimizer cut": cut(OPTIMIZER, 0.99),
    "optimizer's nesting gone": missing("optimizer.json"),
    "optimizer elsewhere": linked,
    "no scheduler": missing("scheduler.json"),
    "scheduler flipped": flipped("scheduler.json", 0.5),
    "no random states": missing("processes.safetensors"),
    "random states flipped": flipped("processes.safetensors", 0.9),
    "random states cut": cut("processes.json", 0.5),
    "no loop state": missing("trainer_state.json"),
    "loop state of another text": written("trainer_state.json", "{}"),
    "no progress": missing("progress.json"),
    "progress flipped": flipped("progress.json", 0.3),
    "another step's files": other_step,
    "another step's files, sealed": other_step_sealed,
    "a file more": written("more.json", "{}"),
    "a pickle beside": poisoned("optimizer.pt"),
    "a pickle as weights": poisoned(WEIGHTS),
    "a pickle as random states": poisoned("rng_state.pth"),
    "a pickle as JSON": poisoned("scheduler.json"),
    "a pickle without an ending": poisoned("training_args"),
    "sealed without an optimizer": sealed_without(OPTIMIZER),
    "sealed without random states": sealed_without("processes.json"),
    "sealed with a loop state of another step": sealed_with("trainer_state.json", '{"global_step": 4}'),
    "sealed with a progress that is none": sealed_with("progress.json", "[]"),
}


@pytest.fixture(scope="module")
def trained(room: object, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoints of steps 5 and 10."""
    from tests.training.runs import Room

    assert isinstance(room, Room)
    run = MakeRun(room, tmp_path_factory.mktemp("damaged"))()
    with pytest.raises(Crash):
        attempt_here(run, crash_at=11)
    assert checkpoints(run) == {"checkpoint-5", "checkpoint-10"}
    return run.checkpoints


@pytest.mark.parametrize("damage", WAYS.values(), ids=WAYS.keys())
def test_a_damaged_or_poisoned_checkpoint_is_put_aside_unread(damage: Damage, trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    shutil.copytree(trained, folder)
    damage(folder / "checkpoint-10")

    found = resume_point(folder)

    assert found == Checkpoint(5, folder / "checkpoint-5")
    assert (folder / "checkpoint-10.corrupt").is_dir()
    assert not (folder / MARKER).exists()


def test_nothing_in_a_checkpoint_is_a_pickle(trained: Path) -> None:
    files = {path.name for path in (trained / "checkpoint-10").iterdir()}
    assert {Path(name).suffix for name in files} == {".json", ".safetensors"}
    assert "adapter_config.json" in files
    assert json.loads((trained / "checkpoint-10" / "progress.json").read_text())["step"] == 10
