"""What a run takes, forecast without memory: the same bytes that its real training then takes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.memory_forecast import MemoryOrder, MemoryPart, MemoryTrace
from backend.domain.run_config import RunConfig
from backend.trainer.order import read_order
from tests.training.runs import ROOT, MakeRun, attempt_here

CLOSE = 0.01
MAX_LENGTH = 48
TEXT = "one two three four five six seven " * 20  # longer than MAX_LENGTH in any tokenizer of the tests
SIZES = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "head_dim": 8}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "lora": ("llama", {}),
    "full in bfloat16": ("qwen3", {"method": "full", "training": {"precision": "bfloat16"}}),
    "checkpointing": ("gemma3", {"training": {"gradient_checkpointing": True, "gradient_accumulation": 3}}),
    "eight bits in the optimizer": ("llama", {"method": "full", "training": {"optimizer": "adamw_8bit"}}),
    "four bits in the weights": ("llama", {"quantization": "nf4", "method": {"name": "qlora"}}),
    "eight bits in the weights": ("llama", {"quantization": "int8"}),
    "whole directions of four bits": ("llama", {"quantization": "nf4", "method": {"name": "dora"}}),
    "a basis of all layers": ("llama", {"method": {"name": "frod"}}),
    "preferences": ("llama", {"recipe": "dpo"}),
    "everything padded": ("qwen3", {"speed": {"batches": "padded", "logits": "all", "layers": "library"}}),
}

LONGER = (
    "lora",
    "eight bits in the optimizer",
    "eight bits in the weights",
    "whole directions of four bits",
    "a basis of all layers",
    "everything padded",
)


def measured(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, config: Any) -> tuple[MemoryTrace, int]:
    """The forecast, and the most bytes of tensors that an attempt in this process had at once."""
    from backend.trainer import training
    from backend.trainer.model import load_model
    from backend.trainer.tracing.shortcuts import only_written_columns
    from backend.trainer.tracing.trace import trace
    from backend.trainer.tracing.tracker import Tracker

    tracker = Tracker()

    def watched(*args: Any, **options: Any) -> Any:
        """Its threads are not looked into: what it gives is counted."""
        model = load_model(*args, **options)
        tracker.adopt(_tensors_of(model), MemoryPart.WEIGHTS)
        return model

    monkeypatch.setattr(training, "load_model", watched)
    order = MemoryOrder(folder=str(config.root), config=read_order(config))
    forecast = trace(order)
    with only_written_columns(order, vocabulary_of(order)), tracker:  # torch tells no pages that were never touched
        attempt_here(config)
    return forecast, max(moment.total for moment in tracker.finish().values())


def vocabulary_of(order: MemoryOrder) -> int:
    told = json.loads((Path(order.folder) / order.config.base_model.path / "config.json").read_text(encoding="utf-8"))
    return int(told["vocab_size"])


def _tensors_of(model: Any) -> Any:
    yield from model.buffers()
    for parameter in model.parameters():
        yield parameter
        state, scales = getattr(parameter, "quant_state", None), getattr(parameter, "SCB", None)
        yield from () if scales is None else (scales,)
        for one in () if state is None else (state, state.state2):
            yield from () if one is None else (one.absmax, one.code)
        if state is not None and state.offset is not None:
            yield state.offset


@pytest.mark.training
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LONGER else name for name in CASES]
)
def test_real_training_takes_the_bytes_that_were_forecast(
    name: str, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model, sections = CASES[name]
    row = {"prompt": "one two", "chosen": TEXT, "rejected": f"six {TEXT}"} if "recipe" in sections else {"text": TEXT}
    dataset = tmp_path / "rows.jsonl"
    dataset.write_text("\n".join([json.dumps(row)] * 30), encoding="utf-8")
    training = {"max_steps": 3, "batch_size": 2, "max_length": MAX_LENGTH} | sections.get("training", {})
    run = make_run(model=model, **{"dataset": {"path": str(dataset)}} | sections | {"training": training})
    forecast, most = measured(make_run, monkeypatch, run)
    assert abs(forecast.peak_bytes - most) <= CLOSE * most
    assert sum(forecast.parts.values()) == forecast.peak_bytes


def described(folder: Path, **changes: Any) -> Path:
    """A folder with nothing but a model's description."""
    folder.mkdir()
    told = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_key_value_heads": 2} | SIZES | changes
    (folder / "config.json").write_text(json.dumps(told), encoding="utf-8")
    return folder


def ordered(folder: Path, **sections: Any) -> MemoryOrder:
    """About rows of 40 tokens."""
    training = {"max_length": 40, "batch_size": 2}
    config = {"base_model": str(folder), "dataset": "rows.jsonl", "training": training}
    return MemoryOrder(folder="/", config=RunConfig.model_validate(config | sections))


@pytest.mark.training
@pytest.mark.parametrize(
    ("changes", "sections"),
    [
        ({"num_hidden_layers": 13}, {"method": {"name": "freeze", "last_blocks": 2}}),
        pytest.param(
            {"model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "num_hidden_layers": 14}
            | {"layer_types": (["sliding_attention", "full_attention"] * 7), "sliding_window": 16},
            {},
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_deep_model_is_forecast_from_shallow_ones_to_the_byte(
    changes: dict[str, Any], sections: dict[str, Any], tmp_path: Path
) -> None:
    from backend.trainer.tracing.trace import trace

    order = ordered(described(tmp_path / "model", **changes), **sections)
    scaled, whole = trace(order), trace(order, may_scale=False)
    assert scaled.is_scaled
    assert not whole.is_scaled
    assert abs(scaled.peak_bytes - whole.peak_bytes) <= 0.005 * whole.peak_bytes
    assert scaled.steady_bytes == whole.steady_bytes
    assert scaled.num_operations < whole.num_operations


@pytest.mark.training
def test_a_buffer_wider_than_the_vocabulary_counts_on_a_gpu_only(tmp_path: Path) -> None:
    from backend.trainer.tracing.shortcuts import SCORES, WIDTH
    from backend.trainer.tracing.trace import trace

    order = ordered(described(tmp_path / "model", num_hidden_layers=2), recipe={"name": "dpo"})
    on_cpu, on_gpu = (trace(order.model_copy(update={"device": device})) for device in ("cpu", "cuda"))
    unwritten = getattr(sys.modules[SCORES], WIDTH) - SIZES["vocab_size"]
    assert unwritten > 30_000, "the width is as it was"
    assert on_gpu.peak_bytes - on_cpu.peak_bytes > unwritten * 4 * 40  # at least one row of 40 tokens


@pytest.mark.training
def test_longer_rows_take_more_and_a_gpu_takes_as_many_at_a_time_as_it_is_told(tmp_path: Path) -> None:
    from backend.trainer.tracing.trace import trace

    order = ordered(described(tmp_path / "model", num_hidden_layers=2))
    short = trace(order.model_copy(update={"longest_tokens": 10}))
    assert (short.rows, short.tokens, short.micro_batches) == (2, 20, 1)
    training = {"max_length": 40, "batch_size": 2, "gradient_accumulation": 3}
    several = trace(ordered(tmp_path / "model", training=training))
    assert several.micro_batches == 2, "two stand for more"
    assert (several.rows, several.tokens) == (2, 80)
    assert short.peak_bytes < trace(order).peak_bytes
    there = trace(order.model_copy(update={"device": "cuda", "longest_tokens": None}))
    assert (there.rows, there.tokens) == (2, 80)
    assert there.parts[MemoryPart.WEIGHTS] < short.parts[MemoryPart.WEIGHTS]


@pytest.mark.training
def test_the_program_answers_about_a_model_of_which_only_the_description_is_here(tmp_path: Path) -> None:
    folder = described(tmp_path / "model", num_hidden_layers=2)
    grpo = {"name": "grpo", "num_generations": 2, "max_completion_length": 12, "rewards": {"length": {"target": 3}}}
    order = ordered(folder, recipe=grpo)
    done = subprocess.run(
        [sys.executable, "-m", "backend.trainer.forecast"],
        input=order.model_dump_json() + "\n",
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = MemoryTrace.model_validate(json.loads(done.stdout)["trace"])
    assert found.parts[MemoryPart.WEIGHTS] > 0


@given(st.lists(st.integers(0, 2), max_size=3), st.lists(st.integers(0, 2), min_size=1, max_size=4), st.integers(4, 9))
def test_layers_that_are_left_out_are_those_that_repeat(before: list[int], group: list[int], times: int) -> None:
    from backend.trainer.tracing.layers import FEWEST, repetitions

    told = [*before, *group * times]
    plans = [plan for period in range(1, len(told) // 2 + 1) for plan in repetitions(told, period)]
    assert plans
    for plan in plans:
        kept = [told[number] for number in plan.kept(FEWEST)]
        at, period = plan.start, plan.period
        one = kept[at : at + period]
        assert kept[:at] + one * (plan.repeats - FEWEST) + kept[at:] == told
