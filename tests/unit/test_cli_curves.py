"""peft-studio curves: of a run or of any log directory, as a table, points, JSON, CSV."""

import csv
import io
import json
from pathlib import Path

import pytest

from backend.domain.states import RunState
from tests.fakes.command_line import CommandLine, installed
from tests.fakes.event_bytes import scalar, version, write


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    """With a finished run that has two curves."""
    line = installed(capsys, workspace, monkeypatch)
    line.add(state=RunState.FINISHED)
    points = [scalar(step, value) for step, value in ((1, 2.0), (2, 1.5), (3, float("nan")))]
    points += [scalar(step, value, "eval/loss") for step, value in ((0, 2.5), (3, 0.5))]
    write(line.folder("a-run").tensorboard, "1", [version(), *points])
    return line


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Runs of another program, one inside another, one with a damaged file."""
    folder = tmp_path / "logs"
    write(folder / "a", "1", [version(), scalar(1, 1.0, "loss"), scalar(1, 9.0, "b/loss")])
    write(folder / "a" / "b", "1", [version(), scalar(2, 2.0, "loss")])
    write(folder / "c", "1", [version(), scalar(3, float("inf"), "loss"), bytes(40), scalar(4, -0.5, "=lr")])
    return folder


def test_a_curve_is_told_point_by_point(line: CommandLine) -> None:
    assert line.say("curves", "a-run", "--tag", "train/loss").out == "1\t2.0\n2\t1.5\n3\tnan\n"


def test_several_curves_are_told_with_their_tags(line: CommandLine) -> None:
    several = "train/loss\t1\t2.0\ntrain/loss\t2\t1.5\ntrain/loss\t3\tnan\neval/loss\t0\t2.5\neval/loss\t3\t0.5\n"
    assert line.say("curves", "a-run", "--tag", "eval/loss", "--tag", "train/loss").out == several
    assert line.say("curves", "a-run", "--tag", "*/loss").out == several
    assert line.say("curves", "a-run", "--tag", "e*").out == "eval/loss\t0\t2.5\neval/loss\t3\t0.5\n"


def test_json_holds_all_points_and_what_was_unreadable(line: CommandLine) -> None:
    train = {"steps": [1, 2, 3], "wall_times": [1001.0, 1002.0, 1003.0], "values": [2.0, 1.5, "NaN"]}
    evaluated = {"steps": [0, 3], "wall_times": [1000.0, 1003.0], "values": [2.5, 0.5]}
    rest = {"unreadable": [], "ignored_points": {}, "remarks": []}
    both = {"runs": {"a-run": {"train/loss": train, "eval/loss": evaluated}}, **rest}
    assert line.say("curves", "a-run", "--json").json() == both
    one = {"runs": {"a-run": {"train/loss": train}}, **rest}
    assert line.say("curves", "a-run", "--tag", "train/loss", "--json").json() == one


def test_csv_can_be_read_back(line: CommandLine) -> None:
    told = line.say("curves", "a-run", "--tag", "train/loss", "--csv")
    assert list(csv.reader(io.StringIO(told.out))) == [
        ["run", "tag", "step", "wall_time", "value"],
        ["a-run", "train/loss", "1", "1001.0", "2.0"],
        ["a-run", "train/loss", "2", "1002.0", "1.5"],
        ["a-run", "train/loss", "3", "1003.0", "NaN"],
    ]


def test_without_a_tag_the_tags_are_listed_with_their_last_points(line: CommandLine) -> None:
    rows = [row.split() for row in line.say("curves", "a-run").out.splitlines()]
    assert rows == [
        ["TAG", "POINTS", "LAST", "STEP", "LAST", "VALUE"], ["eval/loss", "2", "3", "0.5"], ["train/loss", "3", "3", "nan"],
    ]  # fmt: skip
    line.add("new", RunState.STOPPED)
    assert line.say("curves", "new").out == "No curves yet.\n"
    assert line.say("curves", "new", "--json").json()["runs"] == {"new": {}}


def test_an_unknown_tag_names_the_known_ones(line: CommandLine) -> None:
    for form in ([], ["--csv"]):
        assert line.say("curves", "a-run", "--tag", "loss", *form).code == 64
    refused = line.say("curves", "a-run", "--tag", "train/loss", "--tag", "loss", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "tag-not-found")
    assert "eval/loss, train/loss" in refused.error()["why"]


def test_a_log_directory_is_read_run_by_run(line: CommandLine, logs: Path) -> None:
    told = line.say("curves", "--logdir", logs, "--json")
    runs = {run: {tag: one["steps"] for tag, one in series.items()} for run, series in told.json()["runs"].items()}
    assert runs == {"a": {"loss": [1], "b/loss": [1]}, "a/b": {"loss": [2]}, "c": {"loss": [3], "=lr": [4]}}
    assert told.json()["runs"]["a"]["b/loss"]["values"] == [9.0]
    rows = [row.split() for row in line.say("curves", "--logdir", logs).out.splitlines()]
    assert rows[0][:3] == ["RUN", "TAG", "POINTS"]
    assert ["a/b", "loss", "1", "2", "2"] in rows
    assert line.say("curves", "--logdir", logs, "--tag", "loss").out == "a\t1\t1.0\na/b\t2\t2.0\nc\t3\tinf\n"


def test_what_is_unreadable_is_told_beside_the_curves(line: CommandLine, logs: Path) -> None:
    told = line.say("curves", "--logdir", logs, "--json")
    (damage,) = told.json()["unreadable"]
    assert (damage["run"], damage["file"]) == ("c", "events.out.tfevents.1")
    assert damage["last_byte"] - damage["first_byte"] == 39
    told = line.say("curves", "--logdir", logs, "--tag", "loss")
    assert f"bytes {damage['first_byte']} to {damage['last_byte']} are unreadable" in told.err
    assert told.code == 0


def test_what_was_not_looked_at_is_told(line: CommandLine, logs: Path) -> None:
    (logs / "elsewhere").symlink_to("/usr")
    told = line.say("curves", "--logdir", logs, "--json")
    assert told.json()["remarks"] == ["elsewhere is a link out of the log directory and was not followed."]
    assert "elsewhere is a link out" in line.say("curves", "--logdir", logs).err


def test_csv_of_foreign_files_holds_no_formula(line: CommandLine, logs: Path) -> None:
    assert "c,'=lr,4,1004.0,-0.5\n" in line.say("curves", "--logdir", logs, "--csv").out


def test_names_of_foreign_files_cannot_write_to_the_terminal(line: CommandLine, tmp_path: Path) -> None:
    write(tmp_path / "x" / "run\x1b[2J", "1", [scalar(1, 1.0, "loss\x1b]0;title\x07"), bytes(20), scalar(2, 1.0, "b")])
    for words in ([], ["--tag", "*"]):
        told = line.say("curves", "--logdir", tmp_path / "x", *words)
        assert "\x1b" not in told.out + told.err
        assert "run\\x1b[2J" in told.out


def test_a_missing_log_directory_is_refused(line: CommandLine, tmp_path: Path) -> None:
    refused = line.say("curves", "--logdir", tmp_path / "nothing", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "log-directory-missing")
    (tmp_path / "empty").mkdir()
    assert line.say("curves", "--logdir", tmp_path / "empty").out == "No curves yet.\n"


def test_either_a_run_or_a_directory_and_one_form(line: CommandLine, logs: Path) -> None:
    for words in ([], ["a-run", "--logdir", logs], ["a-run", "--json", "--csv"], ["a-run", "--csv", "--watch"]):
        assert line.say("curves", *words).code == 2


def test_watching_a_run_that_is_over_tells_its_last_points(line: CommandLine) -> None:
    told = line.say("curves", "a-run", "--watch")
    assert (told.code, told.out) == (0, "train/loss\t3\tnan\neval/loss\t3\t0.5\n")
    assert json.loads(line.say("curves", "a-run", "--json").out)
