"""Every method that the studio trains can be forecast, and what it trains is in the forecast."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.memory_forecast import MemoryOrder, MemoryPart
from backend.domain.run_config import RunConfig
from backend.methods import Method
from backend.spec import members
from scripts.benchmarks.memory.material import Family, make_configuration, words

pytestmark = pytest.mark.training
SIZE = {
    "hidden_size": 512,
    "intermediate_size": 512,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 1,
    "max_position_embeddings": 64,
}
UNTRACED = "shira"  # torch gives no shapes for gradients of sparse tensors
NEEDED: dict[str, dict[str, Any]] = {
    "trainable_tokens": {"trainable_tokens": words(96)[:1]},
    "llama_adapter": {"layers": SIZE["num_hidden_layers"]},
}
USABLE = [
    name
    for kind in members(Method)
    if not kind.card.unavailable and (name := str(kind.model_fields["name"].default)) not in ("qlora", UNTRACED)
]

LARGE_AT_FIRST = ("frod",)  # its basis of all layers is found in float64, which takes more than any step
FEW = ("loha", "lokr", "trainable_tokens", "vera", "prompt", "freeze")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_configuration(tmp_path_factory.mktemp("model") / "llama", Family("llama", 96, SIZE))


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in FEW else pytest.mark.long) for name in USABLE])
def test_a_method_is_traced_with_what_it_trains(name: str, model: Path) -> None:
    from backend.trainer.tracing.trace import trace

    found = trace(ordered(name, model))
    trained = MemoryPart.WEIGHTS if name in ("full", "freeze") else MemoryPart.ADAPTER
    assert found.parts[trained] > 0
    assert (found.parts[MemoryPart.OPTIMIZER] > 0) == (found.phase != "loading")
    assert (found.phase == "loading") == (name in LARGE_AT_FIRST), found.phases
    assert found.peak_bytes >= found.phases["step"] > found.steady_bytes > 0


def test_a_method_of_sparse_tensors_is_not_forecast_and_says_so(model: Path) -> None:
    from backend.trainer.errors import MemoryNotTraced
    from backend.trainer.forecast import answered

    with pytest.raises(MemoryNotTraced, match="DynamicOutputShapeException"):
        answered(ordered(UNTRACED, model))


def ordered(name: str, model: Path) -> MemoryOrder:
    told = {
        "name": "traced",
        "base_model": str(model),
        "dataset": {"path": "sample:demo.jsonl"},
        "method": {"name": name, **NEEDED.get(name, {})},
        "training": {"batch_size": 2, "max_length": 48},
    }
    return MemoryOrder(folder="/", config=RunConfig.model_validate(told), longest_tokens=48)
