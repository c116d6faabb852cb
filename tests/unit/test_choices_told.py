"""What a person reads before choosing: reasons, families, use cases."""

from dataclasses import MISSING, fields
from typing import Any

import pytest

from app.drafts import SECTIONS, knobs, value_at, with_values
from backend.domain.method_fit import why_not
from backend.methods import Full, Ia3, LlamaAdapter, Lora, Method, PeftMethod, Qlora, Shadow
from backend.methods.base import PEFTS_OWN
from backend.services.config_service import ConfigService
from backend.spec import Card, members, parameter
from config.catalog import profiles

PEFT = [spec for spec in members(Method) if issubclass(spec, PeftMethod)]
USE_CASES = {"chat", "code", "summarisation", "question-answering", "creative", "domain"}


@pytest.mark.parametrize("spec", members(Method), ids=lambda spec: spec.spec_name())
def test_every_method_says_its_family_and_what_speaks_for_and_against_it(spec: Any) -> None:
    assert spec.card.family
    assert spec.card.pros
    assert spec.card.cons


@pytest.mark.parametrize("place", [place for place in SECTIONS if place != "dataset"])
def test_every_setting_gives_the_reason_of_its_default(place: str) -> None:
    without = [name for name, field in SECTIONS[place].model_fields.items() if not parameter(name, field).reason]
    assert without == (["path"] if place == "base_model" else [])


@pytest.mark.training
@pytest.mark.parametrize("spec", PEFT, ids=lambda spec: spec.spec_name())
def test_a_default_that_is_called_pefts_own_is(spec: Any) -> None:
    import peft

    theirs = {field.name: field for field in fields(getattr(peft, spec.configuration))}
    for knob in spec.parameters():
        if knob.reason == PEFTS_OWN:
            words = {"rank": "r", "alpha": "lora_alpha"} | dict(spec.words)
            field = theirs.get(words.get(knob.name, knob.name)) or theirs[knob.name]
            factory = field.default_factory
            default = factory() if factory is not MISSING else field.default
            assert knob.default == default, knob.name


def test_use_cases_are_valid_give_reasons_and_leave_the_rest_alone() -> None:
    assert set(profiles()) == USE_CASES
    draft = {"base_model": {"path": "demo"}, "dataset": {"path": "x"}, "training": {"seed": 7}}
    for profile in profiles().values():
        filled = with_values(draft, profile.values)
        assert ConfigService().problems(filled) == ()
        assert value_at(filled, "training.seed") == 7
        assert all(profile.reasons[key] and value_at(filled, key) == value for key, value in profile.values.items())
        assert {key for key in profile.values if not key.endswith(".name")} <= set(knobs(filled))


def test_a_method_that_cannot_be_chosen_says_why() -> None:
    assert why_not(Lora, {}, has_gpu=False) == ""
    assert why_not(Shadow, {}, has_gpu=True) == Shadow.card.unavailable
    assert "full weights" in why_not(Full, {"quantization": {"name": "nf4"}}, has_gpu=True)
    assert "4-bit" in why_not(Qlora, {"quantization": {"name": "int8"}}, has_gpu=True)
    assert why_not(Ia3, {"quantization": {"name": "int8"}, "training": {"epochs": 0}}, has_gpu=False) == ""
    assert "gemma3_text" in why_not(LlamaAdapter, {}, has_gpu=False, model_type="gemma3_text")
    assert why_not(LlamaAdapter, {}, has_gpu=False, model_type="llama") == ""


def test_a_method_that_needs_a_gpu_is_off_without_one() -> None:
    class OnCuda(Lora):
        card = Card(title="x", summary="", use_when="", requires=("cuda",))

    assert "CUDA" in why_not(OnCuda, {}, has_gpu=False)
    assert why_not(OnCuda, {}, has_gpu=True) == ""
