"""A method, a format and a recipe of a plugin really train."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.plugins.registry import use_registry
from tests.fakes.plugins import EXAMPLE, install
from tests.training.runs import MakeRun, attempt_here, curves

pytestmark = pytest.mark.training


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(install(EXAMPLE, tmp_path / "site")))
    use_registry(None)
    yield
    use_registry(None)
    for name in [name for name in sys.modules if name.startswith("peft_studio_example")]:
        del sys.modules[name]


@pytest.mark.usefixtures("example")
def test_a_method_of_a_plugin_trains_on_rows_of_its_format(make_run: MakeRun, tmp_path: Path) -> None:
    riddles = [{"riddle": f"{a} plus {b}?", "solution": f"{a + b}."} for a in range(4) for b in range(4)]
    file = tmp_path / "riddles.jsonl"
    file.write_text("\n".join(map(json.dumps, riddles)), encoding="utf-8")
    run = make_run(
        dataset={"path": str(file), "format": "riddle"},
        recipe="sft_everything",
        method={"name": "attention_lora", "rank": 4, "alpha": 8, "start_scale": 2},
        training={"max_steps": 8, "learning_rate": 1e-2},
    )
    attempt_here(run)
    losses = [value for _, value in curves(run)["train/loss"]]
    assert losses[-1] < losses[0] - 0.05
    told = json.loads((run.adapter / "adapter_config.json").read_text(encoding="utf-8"))
    assert (told["peft_type"], sorted(told["target_modules"]), told["lora_alpha"]) == ("LORA", ["q_proj", "v_proj"], 16)
