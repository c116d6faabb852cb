"""The frame of the command line: where words go, how errors are told, how output looks."""

import json
import math
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from backend.cli import output
from backend.cli.main import _workspace_first
from backend.errors import StudioError
from tests.fakes.command_line import CommandLine, installed


@pytest.fixture
def line(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return installed(capsys, workspace, monkeypatch)


def test_help_names_every_command_and_the_exit_codes(line: CommandLine) -> None:
    told = line.say("--help")
    assert told.code == 0
    for word in ("ui", "demo", "train", "runs", "curves", "methods", "chat", "doctor", "reindex", "78"):
        assert word in told.out
    for command in ("list", "show", "stop", "resume", "delete", "logs"):
        assert command in line.say("runs", "--help").out


def test_the_version_is_told_without_a_command(line: CommandLine) -> None:
    told = line.say("--version")
    assert (told.code, told.out.strip()) == (0, version("peft-studio"))


@pytest.mark.parametrize("words", [("nonsense",), ("runs", "nonsense"), ("train",), ("runs", "list", "--nonsense")])
def test_wrong_words_end_with_2(line: CommandLine, words: tuple[str, ...]) -> None:
    assert line.say(*words).code == 2


def test_the_workspace_may_stand_before_or_after_the_command_and_beats_the_environment(
    line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.add("here")
    monkeypatch.setenv("PEFT_STUDIO_WORKSPACE", str(tmp_path / "elsewhere"))
    for words in (
        ("--workspace", line.workspace, "runs", "list", "--json"),
        ("runs", "list", "--workspace", line.workspace, "--json"),
        ("runs", "list", "--json", f"--workspace={line.workspace}"),
    ):
        assert [run["id"] for run in line.say(*words).json()] == ["here"]
    assert line.say("runs", "list", "--json").json() == []


def test_words_behind_two_dashes_are_left_alone() -> None:
    words = ["chat", "a-run", "--", "--workspace", "is", "a", "word"]
    assert _workspace_first(words) == words


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [("PORT", "99999", "port"), ("BACKOFF_SECONDS", "soon", "backoff_seconds"), ("ENVIRONMENT", "x", "environment")],
)
def test_a_setting_that_cannot_be_used_is_named(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"PEFT_STUDIO_{name}", value)
    refused = line.say("runs", "list", "--json")
    assert (refused.code, refused.error()["id"]) == (78, "settings-invalid")
    assert told in refused.error()["why"]


def test_a_torn_studio_toml_is_told(line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "studio.toml").write_text("port = [")
    refused = line.say("runs", "list", "--json")
    assert (refused.code, refused.error()["id"]) == (78, "settings-invalid")


def test_an_error_is_told_in_three_sentences_with_its_id_or_as_json(line: CommandLine) -> None:
    spoken = line.say("runs", "show", "nobody")
    assert (spoken.code, spoken.out) == (64, "")
    assert [text in spoken.err for text in ("nobody", "  Why: ", "  Fix: ", "  [run-not-found]")] == [True] * 4
    error = line.say("runs", "show", "nobody", "--json").error()
    assert error.keys() == {"id", "what", "why", "fix", "at"}
    assert error["id"] == "run-not-found"


def test_an_error_that_nobody_foresaw_ends_with_70_a_trace_and_an_id(
    line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("backend.cli.context.build_container", fail)
    told = line.say("runs", "list", "--json")
    assert (told.code, told.error()["id"]) == (70, StudioError.id)


def test_json_output_can_be_read_by_any_reader(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"nan": math.nan, "list": [math.inf, (-math.inf, 1.5)], "path": Path("/a"), "text": "dé \U0001f30a"}
    output.print_json(value)
    text = capsys.readouterr().out
    assert "dé \U0001f30a" in text
    assert json.loads(text, parse_constant=pytest.fail) == {
        "nan": "nan",
        "list": ["inf", ["-inf", 1.5]],
        "path": "/a",
        "text": "dé \U0001f30a",
    }


def test_a_table_in_a_pipe_shows_cells_as_they_are_each_row_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("ID", "TEXT"), [("i" * 90, "[bold]x[/bold] " + "word " * 60), ("b", None)])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["ID", "TEXT"]
    assert first.startswith("i" * 90 + "  [bold]x[/bold] word word")
    assert second.split() == ["b"]


def test_a_table_in_a_narrow_terminal_never_cuts_what_one_has_to_copy(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    run_id = "20260101-120000-a-long-name-of-a-run-abcd"
    output.print_table(("ID", "NAME", "MESSAGE"), [(run_id, "name " * 8, "message " * 12)])
    told = capsys.readouterr().out
    assert run_id in told
    assert max(map(len, told.splitlines())) <= 60
    assert told.count("message") == 12


def test_a_reader_that_leaves_gets_no_trace() -> None:
    program = Path(sys.executable).with_name("peft-studio")
    with subprocess.Popen([program, "methods"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert "Traceback" not in command.stderr.read()
