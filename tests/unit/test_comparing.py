"""What the service reads of runs that are compared: orders as they were followed, curves, sample answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.containers import StudioContainer, build_container
from backend.domain.run_directory import RunDirectory
from backend.services.comparing import Comparing
from backend.services.errors import ConfigUnreadable
from backend.store.errors import RunNotFound
from config.settings import Settings
from tests.fakes.told_runs import PROMPT, add_run, answers, losses

ADJUSTMENT = {"attempt": 2, "kind": "memory", "reason": "less memory", "changes": {"training.batch_size": 1}}


@pytest.fixture
def studio(workspace: Path) -> Iterator[StudioContainer]:
    workspace.mkdir()
    container = build_container(Settings(workspace=workspace))
    yield container
    container.store().close()


@pytest.fixture
def comparing(studio: StudioContainer) -> Comparing:
    return studio.comparing()


def folder(studio: StudioContainer, run_id: str) -> RunDirectory:
    return RunDirectory(studio.settings().runs_folder / run_id)


def test_runs_come_in_the_order_asked_for_each_once(studio: StudioContainer, comparing: Comparing) -> None:
    for run_id in ("a", "b"):
        add_run(studio, run_id, scalars=losses(1.0, 10))
    found = comparing.look(["b", "gone", "a", "b"])
    assert [one.run.id for one in found.runs] == ["b", "a"]
    assert found.missing == ("gone",)
    assert found.tags == ("eval/loss", "train/loss")


def test_what_was_changed_later_counts_and_is_told(studio: StudioContainer, comparing: Comparing) -> None:
    add_run(studio, "a")
    assert comparing.order("a").training.batch_size == 4
    folder(studio, "a").adjustments.write_text(json.dumps([ADJUSTMENT]))
    (one,) = comparing.look(["a"]).runs
    assert one.config is not None
    assert (one.config.training.batch_size, one.changed) == (1, ("less memory",))


@pytest.mark.parametrize("text", [None, "method: [", "method: {name: nothing}\n", "- 1\n", "\udcff"])
def test_an_order_that_cannot_be_read_is_a_problem_of_that_run_alone(
    studio: StudioContainer, comparing: Comparing, text: str | None
) -> None:
    for run_id in ("a", "b"):
        add_run(studio, run_id)
    path = folder(studio, "a").config
    path.unlink() if text is None else path.write_text(text, errors="surrogateescape")
    bad, good = comparing.look(["a", "b"]).runs
    assert bad.config is None
    assert bad.problem
    assert good.config is not None


@pytest.mark.parametrize("changes", ["{", json.dumps([ADJUSTMENT | {"changes": {"nothing.here": 1}}])])
def test_changes_that_cannot_be_read_are_a_problem_too(
    studio: StudioContainer, comparing: Comparing, changes: str
) -> None:
    add_run(studio, "a")
    folder(studio, "a").adjustments.write_text(changes)
    assert comparing.look(["a"]).runs[0].problem


def test_a_file_that_was_replaced_is_read_again(studio: StudioContainer, comparing: Comparing) -> None:
    add_run(studio, "a")
    before = comparing.order("a")
    assert comparing.order("a") is before
    folder(studio, "a").config.write_text("base_model: demo\ndataset: other.jsonl\n")
    assert comparing.order("a").dataset.path == "other.jsonl"
    folder(studio, "a").config.unlink()
    with pytest.raises(ConfigUnreadable):
        comparing.order("a")
    with pytest.raises(RunNotFound):
        comparing.order("gone")


def test_sample_answers_are_read_as_they_were_written(studio: StudioContainer, comparing: Comparing) -> None:
    add_run(studio, "a", scalars=losses(1.0, 10), texts=answers({0: "No.", 10: "> Yes\n\n**x**"}))
    add_run(studio, "b")
    assert [(one.step, one.prompt, one.answer) for one in comparing.samples("a")] == [
        (0, PROMPT, "No."),
        (10, PROMPT, "> Yes\n\n**x**"),
    ]
    assert comparing.samples("b") == ()


def test_a_damaged_answer_leaves_the_others(studio: StudioContainer, comparing: Comparing) -> None:
    add_run(studio, "a", texts=answers({0: "First", 10: "Second"}))
    (path,) = folder(studio, "a").tensorboard.iterdir()
    whole = path.read_bytes()
    assert len(comparing.samples("a")) == 2
    path.write_bytes(whole.replace(b"First", b"Wrong"))
    assert [one.answer for one in comparing.samples("a")] == ["Second"]
