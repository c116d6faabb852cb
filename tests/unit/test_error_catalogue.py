"""The catalogue of errors by id, as the command line, HTTP and pages tell it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend.errors import (
    Action,
    ConfigurationError,
    ConfigurationException,
    GemmaUIException,
    ProcessError,
    ProcessException,
    StudioError,
    TrainingError,
    TrainingException,
)
from backend.services.error_catalogue import ErrorCatalogue, ErrorNotKnown, entry_of
from tests.fakes.command_line import CommandLine, installed


class PluginBroke(StudioError):
    """As a plugin would define it: in a module that is not ours."""

    id = "a-plugin-broke"
    what = "The plugin {name} broke."


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return installed(capsys, workspace, monkeypatch)


def test_an_entry_tells_all_that_its_class_does() -> None:
    entry = ErrorCatalogue().find("run-active")
    assert entry.what == "The run {run_id} is {state}."
    assert (entry.family, entry.exit_code, entry.action) == ("usage", 64, Action.OPEN_RUN.value)
    assert entry.page == "docs/troubleshooting.md#run-active"


def test_errors_of_plugins_are_found_when_they_are_imported() -> None:
    assert ErrorCatalogue().find("a-plugin-broke") == entry_of(PluginBroke)


def test_an_unknown_id_is_answered_with_similar_ones() -> None:
    with pytest.raises(ErrorNotKnown) as refused:
        ErrorCatalogue().find("run-not-fond")
    assert "run-not-found" in refused.value.explain().why


def test_the_command_line_explains_one_or_lists_all(line: CommandLine) -> None:
    told = line.say("explain", "[run-not-found]")
    assert told.code == 0
    assert [word in told.out for word in ("run-not-found", "What: ", "Why: ", "Fix: ", "Exit code 64")] == [True] * 5
    assert line.say("explain", "run-not-found", "--json").json()["id"] == "run-not-found"
    everything = line.say("explain", "--json").json()
    assert len(everything) > 100
    assert "store-busy" in line.say("explain").out
    assert line.say("explain", "nothing-like-it").code == 64


def test_the_first_names_of_the_families_mean_the_same() -> None:
    assert GemmaUIException is StudioError
    assert TrainingException is TrainingError
    assert ConfigurationException is ConfigurationError
    assert ProcessException is ProcessError


def test_reading_the_catalogue_imports_no_training_library() -> None:
    code = (
        "import sys, json; from backend.services.error_catalogue import ErrorCatalogue; "
        "print(json.dumps([len(ErrorCatalogue().all()), 'torch' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, has_torch = json.loads(done.stdout)
    assert count > 100
    assert not has_torch
