"""The layers that a method goes on are found in the model itself, and nothing is loaded for it."""

import time
from typing import Any

import pytest

from tests.training.method_table import tiny
from tests.training.runs import Room

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def skeleton(room: Room) -> Any:
    """A Llama without memory."""
    from backend.trainer.targets import skeleton as build

    return build(str(room.models["llama"]))


def test_the_skeleton_takes_no_memory(skeleton: Any) -> None:
    assert {parameter.device.type for parameter in skeleton.parameters()} == {"meta"}


def test_a_pattern_and_blocks_choose_layers_by_their_full_names(skeleton: Any) -> None:
    from backend.trainer.targets import targeted

    found = targeted(skeleton, tiny("lora", target_pattern=r".*[.][qv]_proj", layers_to_transform=[1]))

    assert found == ["model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"]


@pytest.mark.parametrize(
    "knobs", [{"target_modules": ["c_attn"]}, {"target_pattern": "nowhere"}, {"layers_to_transform": [9]}]
)
def test_what_the_model_does_not_have_is_said_with_what_it_has(knobs: dict[str, Any], skeleton: Any) -> None:
    from backend.trainer.errors import TargetModulesUnknown
    from backend.trainer.targets import check_fit

    with pytest.raises(TargetModulesUnknown, match="q_proj"):
        check_fit(skeleton, tiny("lora", **knobs))


def test_a_catastrophic_pattern_ends_in_an_error(skeleton: Any) -> None:
    from backend.trainer.errors import TargetPatternUnusable
    from backend.trainer.targets import matching

    begin = time.perf_counter()
    with pytest.raises(TargetPatternUnusable, match="too long"):
        matching(["a" * 60 + "!"] * 100, "(a|aa)+$")
    assert time.perf_counter() - begin < 60  # without a limit: years


def test_what_is_no_pattern_is_told(skeleton: Any) -> None:
    from backend.trainer.errors import TargetPatternUnusable
    from backend.trainer.targets import check_fit

    with pytest.raises(TargetPatternUnusable, match="no regular expression"):
        check_fit(skeleton, tiny("lora", target_pattern="(q_proj"))


@pytest.mark.parametrize(
    ("method", "why"),
    [
        (tiny("lora", rank=64), "larger than 32"),
        (tiny("boft", block_size=6), "does not divide"),
        (tiny("road", group_size=64), "does not divide"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_method_that_does_not_fit_a_layer_is_refused_without_loading(method: Any, why: str, skeleton: Any) -> None:
    from backend.trainer.errors import MethodUnsuitable
    from backend.trainer.targets import check_fit

    with pytest.raises(MethodUnsuitable, match=why):
        check_fit(skeleton, method)
