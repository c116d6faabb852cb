"""Drafts: one place per key, changes that touch nothing else, methods that keep what they share."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drafts import expanded, method_named, value_at, with_method, with_value
from backend.methods import Method
from backend.services.config_service import ConfigService
from backend.spec import members

NAMES = st.sampled_from(["a", "b", "c"])
KEYS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
LEAVES = st.none() | st.integers() | st.text(max_size=3)
DRAFTS = st.recursive(LEAVES, lambda below: st.dictionaries(NAMES, below, max_size=3), max_leaves=8).filter(
    lambda value: isinstance(value, dict)
)


@given(DRAFTS, KEYS, st.integers())
def test_what_was_set_is_found_there(draft: dict[str, Any], key: str, value: int) -> None:
    assert value_at(with_value(draft, key, value), key) == value


@given(DRAFTS, KEYS)
def test_none_takes_a_key_away(draft: dict[str, Any], key: str) -> None:
    assert value_at(with_value(draft, key, None), key, "gone") == "gone"


@given(DRAFTS, KEYS, st.integers())
def test_a_change_leaves_the_original_alone(draft: dict[str, Any], key: str, value: int) -> None:
    before = repr(draft)
    with_value(draft, key, value)
    assert repr(draft) == before


@given(DRAFTS, NAMES, NAMES, st.integers())
def test_a_change_leaves_other_keys_alone(draft: dict[str, Any], key: str, other: str, value: int) -> None:
    if key != other:
        assert value_at(with_value(draft, key, value), other, "gone") == value_at(draft, other, "gone")


def test_presets_mean_the_same_without_their_short_forms() -> None:
    configs = ConfigService()
    for preset in configs.presets().values():
        assert configs.parse(expanded(preset)) == configs.parse(preset)
        assert expanded(expanded(preset)) == expanded(preset)


@pytest.mark.parametrize("spec", members(Method))
def test_every_method_can_follow_every_other(spec: type) -> None:
    configs = ConfigService()
    for before in members(Method):
        knobs = {knob.name: knob.default for knob in before.parameters()}
        draft = {
            "base_model": {"path": "demo"},
            "dataset": {"path": "x"},
            "method": {"name": before.spec_name(), **knobs},
        }
        name = before.card.quantizations[0] if before.card.quantizations else "none"
        changed = with_method(draft | {"quantization": {"name": name}}, spec.spec_name())
        plain = {"base_model": {"path": "demo"}, "dataset": {"path": "x"}, "method": {"name": spec.spec_name()}}
        assert configs.problems(changed) == configs.problems(plain)


def test_unknown_methods_count_as_lora() -> None:
    assert method_named("nonsense").spec_name() == "lora"
    assert method_named(None).spec_name() == "lora"
    assert with_method({"method": "nonsense"}, "dora")["method"] == {"name": "dora"}
