"""Whatever levers of speed are pulled, a run learns the same."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.run_config import RunConfig
from tests.training.runs import MakeRun, Room, attempt_here, curves

pytestmark = pytest.mark.training
TRAINING = {"max_steps": 4, "save_steps": 100, "logging_steps": 1, "eval_steps": 2, "batch_size": 6}
PLAIN = {"name": "lora", "dropout": 0}
LEVERS: dict[str, dict[str, Any]] = {
    "flat, the rest as the library does it": {"batches": "flat", "logits": "all", "layers": "library"},
    "nothing of ours": {"batches": "padded", "logits": "all", "layers": "library"},
    "padded, learned": {"batches": "padded", "logits": "learned"},
    "small micro-batches": {"micro_batch_tokens": 64},
    "the library's attention": {"attention": "sdpa"},
    "flat, in a single large micro-batch of all logits": {"logits": "all", "micro_batch_tokens": 10_000},
}


def learned(make_run: MakeRun, name: str, method: dict[str, Any], speed: dict[str, Any], **more: Any) -> Any:
    run = make_run(name.replace(",", "").replace(" ", "-"), method=method, speed=speed, training=TRAINING, **more)
    attempt_here(run)
    return curves(run)


def check_same(found: Any, expected: Any) -> None:
    assert found.keys() == expected.keys()
    for tag, points in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points]
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in points], rel=1e-3), tag


@pytest.fixture(scope="module", params=["llama", "gemma3"])
def automatic(request: pytest.FixtureRequest, room: Room, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """An architecture, and the curves of a run on it that was told nothing about speed."""
    make_run = MakeRun(room, tmp_path_factory.mktemp("automatic"))
    return request.param, learned(make_run, "run", PLAIN, {}, model=request.param)


@pytest.mark.parametrize("levers", LEVERS)
def test_curves_do_not_depend_on_the_levers(make_run: MakeRun, automatic: tuple[str, Any], levers: str) -> None:
    model, expected = automatic

    check_same(learned(make_run, f"{model} {levers}", PLAIN, LEVERS[levers], model=model), expected)


@pytest.mark.parametrize(
    "method", [{"name": "adalora", "dropout": 0}, {"name": "p_tuning"}], ids=lambda method: method["name"]
)
def test_a_method_with_a_forward_of_its_own_learns_the_same_however_rows_are_dealt(
    make_run: MakeRun, method: dict[str, Any]
) -> None:
    """AdaLoRA adds a loss of its own to each forward; a step has it once."""
    whole = learned(make_run, f"{method['name']} whole", method, {"micro_batch_tokens": 10_000})
    dealt = learned(make_run, f"{method['name']} dealt", method, {"micro_batch_tokens": 64})

    check_same(dealt, whole)
    if method["name"] == "adalora":  # 0.5 x the mean distance of orthogonality of narrow random matrices, above 1
        assert whole["train/loss"][0][1] > whole["eval/loss"][0][1] + 0.3


@pytest.mark.parametrize(
    "speed", [{"batches": "flat"}, {"logits": "learned"}, {"layers": "lean"}, {"micro_batch_tokens": 64}]
)
def test_levers_that_read_weights_themselves_are_refused_where_weights_are_shared_out(
    tmp_path: Path, speed: dict[str, Any]
) -> None:
    order = {"base_model": str(tmp_path), "dataset": str(tmp_path / "rows.jsonl"), "speed": speed}
    RunConfig.model_validate(order | {"devices": {"processes": 2, "strategy": "ddp"}})
    RunConfig.model_validate(order | {"devices": {"processes": 1, "strategy": "fsdp"}})

    with pytest.raises(ValueError, match=rf"fsdp shares weights out .* speed\.{next(iter(speed))}"):
        RunConfig.model_validate(order | {"devices": {"processes": 2, "strategy": "fsdp"}})
