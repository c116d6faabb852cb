"""Trainable parameters: the count before a run is what training then trains."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from backend.domain.run_config import BaseModelChoice
from backend.domain.trainable import Count, CountOrder, How, by_arithmetic
from backend.executors.piped import PipedProgram
from backend.methods import Method
from backend.probes.clock import SystemClock
from backend.services.parameter_counts import ParameterCounts
from backend.spec import members
from backend.store.base_model_facts import model_facts
from tests.fakes.run_configs import a_config
from tests.training.method_table import FILE, tiny
from tests.training.runs import Room

pytestmark = pytest.mark.training
# "full" was measured on a table of words of another size
USABLE = [spec.spec_name() for spec in members(Method) if not spec.card.unavailable and spec.spec_name() != "full"]
LORA: list[dict[str, Any]] = [
    {"rank": 3},
    {"target_modules": ["q_proj", "v_proj"]},
    {"layers_to_transform": [1], "target_modules": ["self_attn.o_proj", "down_proj"]},
    {"use_dora": True},
    {"lora_fa": True},
    {"init": "pissa"},
    {"init": "lora_ga"},
]


def order(room: Room, model: str, name: str, **knobs: Any) -> CountOrder:
    choice = BaseModelChoice(path=str(room.models[model]))
    return CountOrder(folder="/", base_model=choice, method=tiny(name, **knobs))


def counted(order: CountOrder) -> tuple[int, int]:
    from backend.trainer.counting import count

    answer = count(order)
    return answer.trained, answer.total


@pytest.mark.parametrize("name", USABLE)
def test_each_method_is_counted_as_it_was_measured_in_training(name: str, room: Room) -> None:
    measured = json.loads(FILE.read_text(encoding="utf-8"))[name]["trained"]
    assert counted(order(room, "llama", name))[0] == measured


@pytest.mark.parametrize("model", ["llama", "gemma3", "qwen3"])
def test_arithmetic_is_used_only_where_it_is_exact(model: str, room: Room) -> None:
    orders = [order(room, model, "lora", **knobs) for knobs in LORA]
    orders += [order(room, model, "full"), order(room, model, "freeze", last_blocks=1, norm=True)]
    facts = model_facts(Path(room.models[model]))
    assert facts is not None
    for one in orders:
        found = by_arithmetic(one, facts.model_type, facts.shapes, is_tied=facts.is_tied)
        assert found is not None, one.method
        assert found.how is How.ARITHMETIC
        assert (found.trained, found.total) == counted(one), one.method


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("lora", {"rank_pattern": {"q_proj": 3}}),
        ("lora", {"bias": "all"}),
        ("lora", {"target_pattern": ".*q_proj"}),
        ("lora", {"target_modules": ["nowhere"]}),
        ("lora", {"init": "mica"}),
        ("lora", {"rank": 64}),
        ("ia3", {}),
    ],
)
def test_where_arithmetic_could_be_wrong_there_is_none(name: str, knobs: dict[str, Any], room: Room) -> None:
    facts = model_facts(Path(room.models["llama"]))
    assert facts is not None
    assert by_arithmetic(order(room, "llama", name, **knobs), facts.model_type, facts.shapes, is_tied=False) is None


def test_what_cannot_go_on_the_model_is_said(room: Room) -> None:
    from backend.trainer.errors import TargetModulesUnknown

    with pytest.raises(TargetModulesUnknown):
        counted(order(room, "llama", "lora", target_modules=["nowhere"]))


def test_the_program_answers_the_service(room: Room, tmp_path: Path) -> None:
    program = PipedProgram((sys.executable, "-m", "backend.trainer.count"), tmp_path, tmp_path / "count.log")
    counts = ParameterCounts(program=program, clock=SystemClock(), models_folder=tmp_path)
    config = a_config(base_model=str(room.models["llama"]), method="ia3")
    deadline = time.monotonic() + 200
    found = counts.ask(config, tmp_path, 5)
    while found.count is None and found.error is None and time.monotonic() < deadline:
        found = counts.ask(config, tmp_path, 5)
    assert found.count == Count(192, 36896, How.LAYERS), found.error
    counts.close()
