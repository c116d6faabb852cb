"""advise and suggest on the command line."""

from pathlib import Path

import pytest

from backend.containers import StudioContainer
from backend.domain.memory_fit import Forecasting
from backend.domain.run_config import RunConfig
from config.settings import Settings
from tests.fakes.command_line import CommandLine
from tests.fakes.forecasts import ArithmeticForecasts


class Knowing:
    """Forecasts by arithmetic; nobody tells how much room there is."""

    def __init__(self) -> None:
        self.arithmetic = ArithmeticForecasts(num_parameters=1_000_000_000, baseline_bytes=100_000_000)

    def look(self, config: RunConfig, base: Path) -> Forecasting:  # noqa: ARG002 - as the real one
        return Forecasting(self.arithmetic(config))

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Forecasting:  # noqa: ARG002
        return self.look(config, base)


class KnowingLine(CommandLine):
    """A command line whose advisor knows all forecasts."""

    def container(self, settings: Settings | None = None) -> StudioContainer:
        container = super().container(settings)
        container.services().advice.fit._forecasts = Knowing()
        return container


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str], workspace: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    line = KnowingLine(workspace, capsys)
    monkeypatch.setattr("backend.cli.context.build_container", line.container)
    return line


@pytest.fixture
def order(tmp_path: Path) -> Path:
    path = tmp_path / "run.yaml"
    path.write_text("base_model: demo\ndataset: sample:demo.jsonl\ntraining: {batch_size: 16, max_length: 512}\n")
    return path


def test_proposals_are_printed_with_their_reason_their_cost_and_the_command(line: CommandLine, order: Path) -> None:
    said = line.say("advise", order, "--room", "5.6")
    assert said.code == 0, said
    assert "To make it fit:" in said.out
    assert "1. batch_size 16 -> " in said.out
    assert "Costs: Learns the same" in said.out
    assert f"peft-studio train {order} --set 'training.batch_size=" in said.out


def test_the_same_as_json_can_be_applied(line: CommandLine, order: Path) -> None:
    told = line.say("advise", order, "--room", "5.6", "--json").json()
    first = told["proposals"][0]
    assert told["goal"] == "fit"
    assert first["changes"]["training.batch_size"] * first["changes"]["training.gradient_accumulation"] == 16
    assert first["forecast"]["high_bytes"] <= told["room_bytes"]


def test_a_run_for_which_nothing_helps_ends_with_its_own_code(line: CommandLine, order: Path) -> None:
    said = line.say("advise", order, "--room", "0.05")
    assert said.code == 78
    assert "Nothing was found that makes it fit. The least was" in said.out


def test_an_unknown_room_is_asked_for(line: CommandLine, order: Path) -> None:
    assert line.say("advise", order, "--json").error()["id"] == "memory-room-unknown"


def test_settings_are_suggested_without_looking_at_tokens(line: CommandLine, order: Path) -> None:
    told = line.say("suggest", order, "--no-lengths", "--json").json()
    rank = next(one for one in told if "method.rank" in one["changes"])
    assert "180 rows" in rank["reason"]
    by_name = line.say("suggest", "--dataset", "sample:demo.jsonl", "--profile", "code", "--no-lengths")
    assert "use case Code" in by_name.out


def test_neither_a_dataset_nor_a_known_use_case_is_an_error(line: CommandLine, order: Path) -> None:
    assert line.say("suggest", "--json").error()["id"] == "suggest-nothing-named"
    assert line.say("suggest", order, "--profile", "poems", "--json").error()["id"] == "profile-unknown"
