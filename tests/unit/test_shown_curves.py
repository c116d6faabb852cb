"""What a page is told of the sources that it shows."""

from pathlib import Path

import pytest

from backend.containers import build_container
from backend.domain.run import Attempt
from backend.domain.run_directory import RunDirectory
from backend.services.shown_curves import ShownCurves
from backend.store.checkpoints import MANIFEST, write_manifest_text
from config.settings import Settings
from tests.fakes import event_bytes
from tests.fakes.runs import NOON, a_run


@pytest.fixture
def studio(workspace: Path) -> object:
    container = build_container(Settings(workspace=workspace))
    yield container
    container.shutdown_resources()


@pytest.fixture
def shown(studio: object) -> ShownCurves:
    found: ShownCurves = studio.shown()  # type: ignore[attr-defined]
    return found


def add(
    studio: object, run_id: str, name: str = "Same", yaml: str = "", attempts: tuple[Attempt, ...] = ()
) -> RunDirectory:
    folder = RunDirectory(studio.settings().runs_folder / run_id)  # type: ignore[attr-defined]
    event_bytes.write(folder.tensorboard, "1.x", [event_bytes.version(), event_bytes.scalar(1, 2.0)])
    if yaml:
        folder.config.write_text(yaml)
    studio.store().create(a_run(run_id, name=name, run_dir=folder.root, attempts=attempts))  # type: ignore[attr-defined]
    return folder


ORDER = "base_model: demo\ndataset: sample:demo.jsonl\ntraining: {seed: 7}\n"


def test_own_runs_come_with_tags_settings_and_colours(studio: object, shown: ShownCurves) -> None:
    add(studio, "a", "First", ORDER)
    add(studio, "b", "Second")
    (first, second), missing = shown.look(["run:a", "run:b", "run:a"])
    assert missing == ()
    assert list(first.source.tags) == ["train/loss"]
    assert (first.source.settings["training.seed"], first.source.settings["method.name"]) == ("7", "lora")
    assert (first.source.label, second.source.label) == ("First", "Second")
    assert dict(second.source.settings) == {}
    assert first.source.color != second.source.color
    assert shown.color("b") == second.source.color


def test_what_is_not_there_is_said_and_the_rest_shown(studio: object, shown: ShownCurves) -> None:
    add(studio, "a")
    found, missing = shown.look(["run:gone", "dir:none/x", "nonsense", "run:a"])
    assert [one.source.id for one in found] == ["run:a"]
    assert [one.id for one in missing] == ["run:gone", "dir:none/x", "nonsense"]
    assert all(one.error.fix for one in missing)


def test_names_that_come_twice_have_the_id_behind_them(studio: object, shown: ShownCurves) -> None:
    add(studio, "a")
    add(studio, "b")
    add(studio, "c", "Other")
    assert [one.source.label for one in shown.look(["run:a", "run:b", "run:c"])[0]] == ["Same (a)", "Same (b)", "Other"]


def test_attempts_and_checkpoints_are_marks_of_few_runs(studio: object, shown: ShownCurves) -> None:
    attempts = (Attempt(1, "t", NOON), Attempt(2, "u", NOON, resumed_from_step=3), Attempt(3, "v", NOON))
    folder = add(studio, "a", attempts=attempts)
    checkpoint = folder.checkpoints / "checkpoint-3"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights").write_text("x")
    (checkpoint / MANIFEST).write_text(write_manifest_text(checkpoint, 3))
    (one,), _ = shown.look(["run:a"])
    assert [(mark.step, mark.kind, mark.label) for mark in one.source.marks] == [
        (3, "attempt", "Attempt 2"),
        (0, "attempt", "Attempt 3"),
        (3, "checkpoint", "Checkpoint 3"),
    ]
    for name in "bcd":
        add(studio, name)
    assert all(one.source.marks == () for one in shown.look([f"run:{name}" for name in "abcd"])[0])


def test_foreign_runs_have_no_settings_and_no_state(studio: object, shown: ShownCurves, tmp_path: Path) -> None:
    event_bytes.write(tmp_path / "logs" / "x", "1.x", [event_bytes.scalar(1, 2.0, "Loss/train")])
    key = studio.sources().add_directory(str(tmp_path / "logs"))  # type: ignore[attr-defined]
    (one,), _ = shown.look([f"dir:{key}/x"])
    assert (one.source.label, list(one.source.tags), one.run) == ("logs/x", ["Loss/train"], None)


def test_new_points_are_seen_at_once(studio: object, shown: ShownCurves) -> None:
    folder = add(studio, "a")
    assert len(shown.look(["run:a"])[0][0].curves.series["train/loss"]) == 1
    (path,) = folder.tensorboard.iterdir()
    event_bytes.append(path, event_bytes.scalar(2, 1.0) + event_bytes.scalar(2, 1.0, "eval/loss"))
    (one,), _ = shown.look(["run:a"])
    assert set(one.source.tags) == {"train/loss", "eval/loss"}
