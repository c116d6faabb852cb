"""Curves, drawn from real event files of own runs and of foreign log directories."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.components.curve_board import as_csv
from backend.containers import StudioContainer
from backend.domain.run import Attempt
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from backend.store.run_files import LocalRunFiles
from tests.app.conftest import board_told, open_page
from tests.fakes import event_bytes
from tests.fakes.runs import NOON, TRAINER, a_run

TAGS = ("train/loss", "eval/loss", "train/learning_rate")
EVIL = "![x](http://127.0.0.1:9/beacon) <b>:red[x]</b>"


def write_curves(folder: Path, tags: tuple[str, ...] = TAGS, steps: range = range(1, 6)) -> Path:
    records = [event_bytes.scalar(step, 1.0 / step, tag) for step in steps for tag in tags]
    return event_bytes.write(folder, "1.here", [event_bytes.version(), *records])


def add_run(
    studio: StudioContainer,
    run_id: str,
    *,
    seed: int = 1,
    rate: str = "1.0e-4",
    tags: tuple[str, ...] = TAGS,
    **facts: Any,
) -> RunDirectory:
    folder = RunDirectory(studio.settings().runs_folder / run_id)
    text = f"base_model: demo\ndataset: sample:demo.jsonl\ntraining: {{seed: {seed}, learning_rate: {rate}}}\n"
    LocalRunFiles().create(folder.root, text)
    told = {"state": RunState.FINISHED, "wish": Wish.STOP, "name": f"Run {run_id}", "run_dir": folder.root} | facts
    studio.store().create(a_run(run_id, **told))
    if tags:
        write_curves(folder.tensorboard, tags)
    return folder


@pytest.fixture
def two(studio: StudioContainer, services: Services) -> StudioContainer:
    add_run(studio, "one")
    add_run(studio, "two", seed=2)
    return studio


def lines(at: AppTest) -> dict[str, list[tuple[str, list[str]]]]:
    """Of each chart the labels of its lines with their sources."""
    return {
        chart["title"]: [(line["label"], line["sources"]) for line in chart["lines"]]
        for chart in board_told(at)["charts"]
    }


def notes(at: AppTest) -> str:
    """Everything that is told in words."""
    kinds = ("info", "warning", "error", "success", "caption", "text", "markdown")
    return "\n".join(str(found.value) for kind in kinds for found in at.get(kind)).replace("\\", "")


def test_without_curves_there_are_two_ways_to_some(services: Services, tmp_path: Path) -> None:
    at = open_page("curves")
    assert not at.exception
    assert at.header[0].value == "No curves yet"
    assert at.button(key="curves-start").click().run().title[0].value == "Train"


def test_a_foreign_directory_can_be_the_beginning(services: Services, tmp_path: Path) -> None:
    write_curves(tmp_path / "logs" / "first", ("loss/train", "loss/val"))
    write_curves(tmp_path / "logs" / "second", ("loss/train",))
    before = sorted(path for path in tmp_path.rglob("*") if "workspace" not in str(path))
    at = open_page("curves")
    at.text_input(key="curves-first-directory").set_value(str(tmp_path / "logs"))
    at.button(key="curves-first-directory-add").click().run()
    assert not at.exception
    assert "2 runs were found" in at.success[0].value
    assert len(lines(at)["loss/train"]) == 2
    assert sorted(path for path in tmp_path.rglob("*") if "workspace" not in str(path)) == before


def test_a_folder_that_is_none_is_told(services: Services, tmp_path: Path) -> None:
    at = open_page("curves")
    at.text_input(key="curves-first-directory").set_value(str(tmp_path / "nowhere"))
    at.button(key="curves-first-directory-add").click().run()
    assert not at.exception
    assert "log-directory-refused" in notes(at)


def test_a_log_directory_can_be_removed_and_its_files_stay(
    two: StudioContainer, services: Services, tmp_path: Path
) -> None:
    path = write_curves(tmp_path / "logs")
    key = services.sources.add_directory(str(tmp_path / "logs"))
    at = open_page("curves", runs=f"dir:{key}/.")
    assert list(lines(at)) == ["loss", "train/learning_rate"]
    at.button(key=f"curves-remove-{key}").click().run()
    assert not at.exception
    assert path.exists()
    assert "Choose runs above" in notes(at)
    assert services.sources.directories() == []


def test_all_runs_of_a_directory_come_with_one_click(two: StudioContainer, services: Services, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_curves(tmp_path / "logs" / name)
    key = services.sources.add_directory(str(tmp_path / "logs"))
    at = open_page("curves", runs="run:one")
    at.button(key=f"curves-show-{key}").click().run()
    assert at.multiselect(key="curves-runs").value == [f"dir:{key}/a", f"dir:{key}/b", "run:one"]


def test_the_newest_runs_are_shown_first_then_what_was_looked_at_last(two: StudioContainer) -> None:
    at = open_page("curves")
    assert at.multiselect(key="curves-runs").value == ["run:two", "run:one"]
    assert lines(at)["train/loss"] == [("Run two", ["run:two"]), ("Run one", ["run:one"])]
    at.multiselect(key="curves-runs").set_value(["run:one"]).run()
    assert lines(at)["loss"] == [("train/loss", ["run:one"]), ("eval/loss", ["run:one"])]
    assert open_page("curves").multiselect(key="curves-runs").value == ["run:one"]


def test_no_run_chosen_is_said(two: StudioContainer) -> None:
    at = open_page("curves")
    at.multiselect(key="curves-runs").set_value([]).run()
    assert "Choose runs above" in at.info[0].value
    assert not at.exception


def test_a_run_without_points_says_so(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "empty", tags=())
    at = open_page("curves")
    assert "No points yet" in at.info[0].value


def test_a_link_restores_the_page(two: StudioContainer) -> None:
    query = {"runs": "run:one", "tags": "loss$", "smoothing": "0.6", "x": "wall", "logy": "yes", "zoom": "2~4.5"}
    at = open_page("curves", **query, outliers="yes", ghosts="no", pins="eval/loss")
    assert not at.exception
    told = board_told(at)
    assert list(lines(at)) == ["loss"]
    assert told["charts"][0]["group"] == "Pinned"
    assert told["look"] == {
        "smoothing": 0.6,
        "x": "wall",
        "is_log_x": False,
        "is_log_y": True,
        "ignores_outliers": True,
        "shows_ghosts": False,
        "spread": "deviation",
        "window": [2.0, 4.5],
    }
    assert {name: at.query_params[name] for name in query} == query


def test_what_is_changed_is_in_the_address(two: StudioContainer) -> None:
    at = open_page("curves", runs="run:one", zoom="1~3")
    at.slider(key="curves-smoothing").set_value(0.25)
    at.selectbox(key="curves-x").set_value("relative").run()
    assert (at.query_params["smoothing"], at.query_params["x"]) == ("0.25", "relative")
    assert at.query_params["zoom"] == "1~3"
    at.toggle(key="curves-ghosts").set_value(False).run()
    assert at.query_params["ghosts"] == "no"
    assert board_told(at)["look"]["shows_ghosts"] is False


def test_the_browsers_way_back_is_followed(two: StudioContainer) -> None:
    at = open_page("curves", runs="run:one")
    at.slider(key="curves-smoothing").set_value(0.5).run()
    at.query_params["smoothing"] = "0.1"
    at.run()
    assert board_told(at)["look"]["smoothing"] == 0.1


def test_who_acts_before_the_browser_heard_of_the_last_address_is_not_undone(two: StudioContainer) -> None:
    at = open_page("curves", runs="run:one")
    at.slider(key="curves-smoothing").set_value(0.5).run()
    del at.query_params["smoothing"]  # what the browser still shows
    at.slider(key="curves-smoothing").set_value(0.75).run()
    assert board_told(at)["look"]["smoothing"] == 0.75
    assert at.query_params["smoothing"] == "0.75"


def test_how_a_person_likes_curves_is_remembered(two: StudioContainer) -> None:
    at = open_page("curves")
    at.slider(key="curves-smoothing").set_value(0.75)
    at.toggle(key="curves-logy").set_value(True).run()
    look = board_told(open_page("curves"))["look"]
    assert (look["smoothing"], look["is_log_y"]) == (0.75, True)
    assert board_told(open_page("monitor", run="one"))["look"]["smoothing"] == 0.75


def test_nonsense_in_the_address_shows_the_rest(two: StudioContainer) -> None:
    at = open_page(
        "curves", runs="run:gone", x="sideways", smoothing="much", group="zodiac", baseline="run:gone", zoom="a"
    )
    assert not at.exception
    assert "There is no run gone" in notes(at)


@pytest.mark.parametrize("pattern", ["(", "*", "[z-a]", "(?P<", "a{99999999999}", "\\"])
def test_a_filter_that_is_no_pattern_is_told_and_searched_as_text(two: StudioContainer, pattern: str) -> None:
    at = open_page("curves", runs="run:one")
    at.text_input(key="curves-tags").set_value(pattern).run()
    at.text_input(key="curves-filter").set_value(pattern).run()
    assert not at.exception
    assert notes(at).count("searched for as plain text") == 2


def test_filters_narrow_tags_and_runs(two: StudioContainer) -> None:
    at = open_page("curves", tags="^train/", filter="two$|TWO ")
    assert list(lines(at)) == ["train/loss", "train/learning_rate"]
    assert lines(at)["train/loss"] == [("train/loss", ["run:two"])]
    assert "2 of 3 tags" in notes(at)
    at.text_input(key="curves-tags").set_value("nowhere").run()
    assert "None of the 3 tags" in notes(at)


def test_seeds_become_a_mean_and_a_band(two: StudioContainer) -> None:
    add_run(two, "three", seed=1, rate="5.0e-4")
    at = open_page("curves", group="everything but the seed", spread="confidence")
    labels = [label for label, _ in lines(at)["train/loss"]]
    assert labels == ["learning_rate 0.0001 (2 runs)", "learning_rate 0.0005"]
    assert board_told(at)["look"]["spread"] == "confidence"
    at.selectbox(key="curves-group").set_value("training.learning_rate").run()
    assert len(lines(at)["train/loss"]) == 2


def test_differences_to_a_run(two: StudioContainer) -> None:
    at = open_page("curves")
    at.selectbox(key="curves-baseline").set_value("run:one").run()
    chart = board_told(at)["charts"][0]
    assert chart["title"].endswith("difference to Run one")
    assert {line["minus"] for line in chart["lines"]} == {"run:one"}


def test_attempts_and_checkpoints_are_marked(studio: StudioContainer, services: Services) -> None:
    attempts = (Attempt(1, "t", NOON, TRAINER, last_step=4), Attempt(2, "u", NOON, TRAINER, resumed_from_step=3))
    add_run(studio, "twice", attempts=attempts)
    (mark,) = board_told(open_page("curves"))["charts"][0]["marks"]
    assert mark == {"source": "run:twice", "step": 3, "kind": "attempt", "label": "Attempt 2"}


def test_an_axis_that_was_not_written_is_told(two: StudioContainer) -> None:
    at = open_page("curves", x="tokens")
    assert "none of these runs has written train/num_tokens" in notes(at)
    assert board_told(at)["look"]["x"] == "step"
    add_run(two, "three", tags=("train/loss", "train/num_tokens"))
    at = open_page("curves", x="tokens", runs="run:three")
    assert board_told(at)["look"]["x"] == "tokens"


def test_damage_is_told_with_its_place(studio: StudioContainer, services: Services) -> None:
    folder = add_run(studio, "hurt", name=EVIL)
    (path,) = folder.tensorboard.iterdir()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    path.write_bytes(data)
    at = open_page("curves")
    assert not at.exception
    assert "unreadable from byte" in notes(at)
    assert "beacon" not in "".join(found.value for found in at.warning if "](http" in found.value)
    assert list(lines(at))


def test_many_charts_come_in_portions(studio: StudioContainer, services: Services) -> None:
    add_run(studio, "wide", tags=tuple(f"custom/{i}" for i in range(80)))
    at = open_page("curves")
    assert len(board_told(at)["charts"]) == 36
    assert "the first 36 of 80 charts" in notes(at)
    at.button(key="curves-show-more").click().run()
    assert len(board_told(at)["charts"]) == 72


def test_a_run_has_the_same_colour_here_and_in_monitor(two: StudioContainer) -> None:
    open_page("curves")
    both = {line["sources"][0]: line["color"] for line in board_told(open_page("curves"))["charts"][0]["lines"]}
    alone = board_told(open_page("monitor", run="one"))["charts"][0]["lines"][0]
    assert both["run:one"] == alone["color"]
    assert both["run:one"] != both["run:two"]


def test_tensorboard_itself_is_a_click_away_also_for_foreign_runs(services: Services, tmp_path: Path) -> None:
    write_curves(tmp_path / "logs" / "first", ("loss/train",))
    key = services.sources.add_directory(str(tmp_path / "logs"))
    at = open_page("curves", runs=f"dir:{key}/first")
    assert at.button(key="curves-tensorboard-start").label == "Open in TensorBoard"


def test_names_to_choose_from_are_short_and_each_is_there_once(
    studio: StudioContainer, services: Services, tmp_path: Path
) -> None:
    for run_id in ("2026-a-00ff", "2026-b-00ff", "2026-c-1234"):
        add_run(studio, run_id, name="Same")
    for place in ("here", "there"):
        write_curves(tmp_path / place / "logs" / "first", ("loss/train",))
        services.sources.add_directory(str(tmp_path / place / "logs"))
    at = open_page("curves")
    assert sorted(at.multiselect(key="curves-runs").options) == sorted(
        ["Same (2026-a-00ff)", "Same (2026-b-00ff)", "Same (1234)"]
        + [f"{tmp_path}/{place}/logs/first" for place in ("here", "there")]
    )


def test_runs_with_one_name_are_told_apart(studio: StudioContainer, services: Services) -> None:
    for run_id in ("a", "b"):
        add_run(studio, run_id, name="Same")
    assert [label for label, _ in lines(open_page("curves"))["train/loss"]] == ["Same (b)", "Same (a)"]


def test_pinned_charts_are_chosen_and_kept_in_the_address(two: StudioContainer) -> None:
    at = open_page("curves", runs="run:one")
    at.multiselect(key="curves-pins").set_value(["train/learning_rate"]).run()
    assert at.query_params["pins"] == "train/learning_rate"
    first = board_told(at)["charts"][0]
    assert (first["id"], first["group"], first["is_pinned"]) == ("train/learning_rate", "Pinned", True)
    assert board_told(at)["can_pin"]


def test_what_is_shown_is_told_as_csv_without_formulas(two: StudioContainer, services: Services) -> None:
    add_run(two, "evil", name='=cmd|"/c calc"', tags=("@sum", "train/loss"))
    shown, _ = services.shown.look(["run:evil", "run:one"])
    rows = list(csv.reader(io.StringIO(as_csv(shown, ["@sum", "train/loss"]))))
    assert rows[0] == ["run", "tag", "step", "wall_time", "value"]
    assert rows[1][:3] == ['\'=cmd|"/c calc"', "'@sum", "1"]
    assert len(rows) == 1 + 5 + 5 + 5
    assert {row[0] for row in rows[11:]} == {"Run one"}


def test_other_records_are_read_when_they_are_looked_at(
    studio: StudioContainer, services: Services, tmp_path: Path
) -> None:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path / "logs")) as writer:
        writer.add_scalar("loss", 1.0, 1)
        writer.add_text("notes", EVIL, 1)
        writer.add_text("notes", "second", 2)
        writer.add_histogram("weights", np.arange(100.0), 1)
        writer.add_image("picture", np.zeros((3, 8, 8)), 1)
    key = services.sources.add_directory(str(tmp_path / "logs"))
    at = open_page("curves", runs=f"dir:{key}/.")
    assert not at.exception
    (box,) = (found for found in at.expander if found.label.startswith("Other records"))
    assert box.label == "Other records: 3"
