"""RunConfigs of all kinds, for properties that must hold for any of them."""

from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from backend.domain.run_config import RunConfig
from backend.methods import Method
from backend.recipes import Recipe
from backend.spec import members

SMALL: dict[str, Any] = {"base_model": "demo", "dataset": "sample:demo.jsonl"}
METHODS = [spec.spec_name() for spec in members(Method)]
RECIPES = [spec.spec_name() for spec in members(Recipe) if spec.spec_name() != "grpo"]
GRPO = {"name": "grpo", "rewards": {"length": {"target": 20}}}
TEXT = st.text("abcä .:*", min_size=1, max_size=6)


def a_config(**facts: Any) -> RunConfig:
    """A valid one in which only what a test cares about is said."""
    return RunConfig.model_validate(SMALL | facts)


TRAINING = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.floats(0.1, 100),
        "max_steps": st.none() | st.integers(1, 10_000),
        "batch_size": st.sampled_from([1, 4, 8]),
        "learning_rate": st.floats(1e-7, 1),
        "scheduler": st.sampled_from(["linear", "cosine", "constant"]),
        "gradient_checkpointing": st.booleans(),
        "seed": st.integers(0, 9),
        "eval_steps": st.none() | st.integers(1, 99),
    },
)
SAMPLES = st.fixed_dictionaries(
    {"prompts": st.lists(TEXT | st.fixed_dictionaries({"user": TEXT}, optional={"system": TEXT}), max_size=2)}
)
DATASET = st.fixed_dictionaries(
    {"path": TEXT},
    optional={
        "format": st.sampled_from(["auto", "messages", "text"]),
        "columns": st.fixed_dictionaries({}, optional={"text": TEXT}),
        "mix": st.lists(st.fixed_dictionaries({"path": TEXT, "weight": st.floats(0.5, 2)}), max_size=2),
        "validation_fraction": st.floats(0, 0.5),
    },
)


def _valid(raw: dict[str, Any]) -> RunConfig | None:
    try:
        return RunConfig.model_validate(raw)
    except ValidationError:
        return None


_RAW: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"base_model": TEXT, "dataset": DATASET},
    optional={
        "name": TEXT,
        "recipe": st.sampled_from(RECIPES) | st.just(GRPO),
        "method": st.sampled_from(METHODS)
        | st.fixed_dictionaries(
            {"name": st.sampled_from(["lora", "dora", "qlora"])},
            optional={"rank": st.integers(1, 64), "rank_pattern": st.dictionaries(TEXT, st.integers(1, 8), max_size=2)},
        ),
        "quantization": st.sampled_from(["none", "nf4", "int8"]),
        "training": TRAINING,
        "samples": SAMPLES,
        "devices": st.fixed_dictionaries({}, optional={"processes": st.integers(1, 2)}),
    },
)
RUN_CONFIGS: st.SearchStrategy[RunConfig] = _RAW.map(_valid).filter(lambda config: config is not None)
