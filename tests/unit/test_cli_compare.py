"""peft-studio compare: differences, results, and no ranking on noise."""

import pytest

from backend.domain.states import RunState
from tests.fakes.command_line import CommandLine, installed
from tests.fakes.told_runs import add_run, losses, seeds


@pytest.fixture
def line(
    workspace: object, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> CommandLine:
    line = installed(capsys, workspace, monkeypatch)  # type: ignore[arg-type]
    studio = line.container()
    for last, method in ((0.5, "lora"), (1.5, "dora")):
        for config in seeds([1, 2, 3], method=method):
            seed = config["training"]["seed"]
            add_run(studio, f"{method}-{seed}", config, losses(last, 100 if method == "lora" else 60, seed=seed))
    studio.store().close()
    return line


def test_what_differs_and_what_came_out_is_told(line: CommandLine) -> None:
    told = line.say("compare", "lora-1", "dora-1")
    assert told.code == 0, told
    text = told.out
    assert "method.name" in text
    assert "not a knob" not in text, "knobs at their defaults are only counted"
    assert "settings are equal; " in text
    assert "eval/loss at step 60, the last that all have" in text
    assert "cannot be told apart: one seed says nothing of the spread" in text


def test_json_has_the_same_for_programs(line: CommandLine) -> None:
    told = line.say("compare", "lora-1", "dora-1", "--json").json()
    assert [run["id"] for run in told["runs"]] == ["lora-1", "dora-1"]
    assert told["runs"][0] == {
        "id": "lora-1",
        "name": "Lora-1",
        "state": "finished",
        "seed": 1,
        "problem": None,
        "changed": [],
        "tokens_per_second": 950.5,
        "memory_peak": {"tag": "gpu/0/memory_bytes", "bytes": 2.1e9},
        "duration_seconds": 300.0,
        "num_attempts": 1,
        "energy_joules": None,
        "notes": "",
        "tags": [],
    }
    rows = {row["key"]: row["values"] for row in told["config"]["differences"]}
    assert rows["method.name"] == ["lora", "dora"]
    loss = told["metrics"]["eval/loss"]
    assert (loss["goal"], loss["common_step"]) == ("lower", 60)
    assert [run["last"]["step"] for run in loss["runs"]] == [100, 60]
    assert [run["at_common_step"]["step"] for run in loss["runs"]] == [60, 60]


def test_seeds_are_one_group_and_a_clear_difference_is_said(line: CommandLine) -> None:
    ids = [f"{method}-{seed}" for method in ("lora", "dora") for seed in (1, 2, 3)]
    loss = line.say("compare", *ids, "--json").json()["metrics"]["eval/loss"]
    assert [(group["seeds"], group["n"]) for group in loss["groups"]] == [([1, 2, 3], 3)] * 2
    (verdict,) = loss["comparisons"]
    assert (verdict["beside"], verdict["verdict"]) == (ids[:3], "higher, which is worse")
    assert verdict["seed_by_seed"]["n"] == 3
    lora, dora = (group["mean"] for group in loss["groups"])
    assert verdict["seed_by_seed"]["mean"] == pytest.approx(dora - lora)
    assert any("drawn by the seed" in caveat for caveat in loss["caveats"])
    text = line.say("compare", *ids).out
    assert "Dora (3 runs) beside Lora (3 runs): higher, which is worse." in text
    assert "Difference seed by seed: " in text


def test_one_run_is_nothing_to_compare(line: CommandLine) -> None:
    for words in (("lora-1",), ("lora-1", "lora-1")):
        refused = line.say("compare", *words, "--json")
        assert (refused.code, refused.error()["id"]) == (64, "too-few-to-compare")


def test_an_unknown_run_is_an_error(line: CommandLine) -> None:
    refused = line.say("compare", "lora-1", "gone", "--json")
    assert (refused.code, refused.error()["id"]) == (64, "run-not-found")


def test_a_damaged_order_is_said_and_the_results_are_told(line: CommandLine) -> None:
    (line.folder("dora-1").config).write_text("method: [")
    told = line.say("compare", "lora-1", "dora-1", "--json").json()
    assert "cannot be read" in told["runs"][1]["problem"]
    assert told["metrics"]["eval/loss"]["runs"][1]["last"]["step"] == 60
    assert told["config"]["differences"] == []
    text = line.say("compare", "lora-1", "dora-1").out
    assert "Dora-1 is not compared by its settings" in text


def test_runs_without_points_are_no_failure(line: CommandLine) -> None:
    line.add("new", RunState.STOPPED)
    told = line.say("compare", "lora-1", "new", "--json").json()
    assert told["metrics"]["eval/loss"]["runs"][1] is None
    assert told["metrics"]["eval/loss"]["common_step"] is None
    assert "no step in common" in line.say("compare", "lora-1", "new").out
