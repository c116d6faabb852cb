"""peft-studio memory: the parts, the range, the room, and three steps on request."""

import json
from pathlib import Path

import pytest

from tests.fakes.command_line import CommandLine, installed
from tests.fakes.memory import a_record, says_trace
from tests.fakes.model_folders import weights


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return installed(capsys, workspace, monkeypatch)


@pytest.fixture
def order(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text('{"model_type": "llama"}')
    weights(tmp_path / "model" / "model.safetensors", {"model.embed_tokens.weight": ("F32", [8, 16])})
    (tmp_path / "run.yaml").write_text("base_model: model\ndataset: sample:demo.jsonl\n")
    return tmp_path / "run.yaml"


def test_the_forecast_is_waited_for_and_printed(line: CommandLine, order: Path) -> None:
    line.trace = lambda _: says_trace()
    said = line.say("memory", order)
    assert said.code == 0
    assert "weights     50 MB" in said.out
    assert "of main memory" in said.out
    assert "room now" in said.out
    found = line.say("memory", order, "--json").json()
    assert found["forecast"]["trace"]["peak_bytes"] == 100_000_000
    assert sum(found["forecast"]["parts"].values()) == found["forecast"]["likely_bytes"]
    assert found["fit"] in ("fits", "may not fit", "will probably not fit")


def test_a_program_that_cannot_tell_is_an_error(line: CommandLine, order: Path) -> None:
    line.trace = lambda _: ["nonsense", 1]
    assert line.say("memory", order, "--json").error()["id"] == "memory-not-forecast"


def test_three_steps_are_taken_when_asked_for(line: CommandLine, order: Path) -> None:
    line.trace = lambda _: says_trace()
    line.steps = lambda _: [json.dumps({"record": a_record(90).model_dump(mode="json")}), 0]
    found = line.say("memory", order, "--measure", "--json").json()
    assert (found["forecast"]["basis"], found["forecast"]["likely_bytes"]) == ("measured", 690_000_000)
    line.steps = lambda _: [-9]
    assert "for want of memory" in line.say("memory", order, "--measure", "--json").error()["why"]
