"""Reading and changing a draft: an unfinished RunConfig as a plain nested mapping."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from backend.data.choice import DatasetChoice
from backend.domain.devices import Devices
from backend.domain.guards import Guards
from backend.domain.run_config import BaseModelChoice, Training
from backend.domain.sampling import Samples
from backend.domain.speed import Speed
from backend.methods import Method
from backend.recipes import Recipe
from backend.spec import Frozen, Parameter, Spec, members, parameter

# `base_model: demo` is short for `base_model: {path: demo}`
FIRST_FIELDS = {"base_model": "path", "dataset": "path", "method": "name", "quantization": "name", "recipe": "name"}

Draft = dict[str, Any]
SECTIONS: Mapping[str, type[Frozen]] = {
    "training": Training,
    "speed": Speed,
    "guards": Guards,
    "samples": Samples,
    "devices": Devices,
    "dataset": DatasetChoice,
    "base_model": BaseModelChoice,
}
_MAPS = frozenset({"method.rank_pattern", "method.alpha_pattern"})  # one value each


def expanded(raw: Mapping[str, Any]) -> Draft:
    """The same without short forms, so that each key has one place."""
    return {
        key: {FIRST_FIELDS[key]: value} if key in FIRST_FIELDS and isinstance(value, str) else _copied(value)
        for key, value in raw.items()
    }


def value_at(draft: Mapping[str, Any], key: str, default: Any = None) -> Any:  # noqa: ANN401 - any JSON value
    """What a dotted key such as training.batch_size holds, or the default."""
    found: Any = draft
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return default
        found = found[part]
    return found


def with_value(draft: Mapping[str, Any], key: str, value: object) -> Draft:
    """A copy in which the key holds the value; None takes the key away, so that its default holds."""
    first, _, rest = key.partition(".")
    changed: Draft = _copied(draft)
    if rest:
        below = changed.get(first)
        changed[first] = with_value(below if isinstance(below, Mapping) else {}, rest, value)
    elif value is None:
        changed.pop(first, None)
    else:
        changed[first] = value
    return changed


def with_method(draft: Mapping[str, Any], name: str) -> Draft:
    """A copy with another method, keeping the knobs that both have, and the quantization if it still fits."""
    spec = method_named(name)
    before = value_at(draft, "method", {})
    kept = _kept(spec, before if isinstance(before, Mapping) else {})
    changed = with_value(draft, "method", {"name": name, **kept})
    quantization = value_at(draft, "quantization.name", value_at(draft, "quantization", "none"))
    if name == "qlora" or quantization not in ("none", *spec.card.quantizations):
        changed.pop("quantization", None)
    return changed


def _kept(spec: type[Spec], before: Mapping[str, Any]) -> Draft:
    """The knobs that the spec knows too; none if they contradict each other there, or one is out of bounds."""
    known = {parameter.name for parameter in spec.parameters()}
    kept = {key: value for key, value in before.items() if key in known}
    try:
        spec.model_validate({"name": spec.spec_name(), **kept})
    except ValidationError:
        return {}
    return kept


def with_recipe(draft: Mapping[str, Any], name: str) -> Draft:
    """A copy with another recipe, keeping the knobs that both have."""
    before = value_at(draft, "recipe", {})
    kept = _kept(recipe_named(name), before if isinstance(before, Mapping) else {})
    return with_value(draft, "recipe", {"name": name, **kept})


def with_values(draft: Mapping[str, Any], values: Mapping[str, Any]) -> Draft:
    """A copy with many values by dotted key; names of recipe and method first, as if they were chosen."""
    changed = expanded(draft)
    for key, choose in (("recipe.name", with_recipe), ("method.name", with_method)):
        if key in values and value_at(changed, key) != values[key]:
            changed = choose(changed, values[key])
    for key, value in values.items():
        changed = with_value(changed, key, value)
    return changed


def flat(draft: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What is said by dotted key; lists are one value each."""
    found: dict[str, Any] = {}
    for key, value in draft.items():
        if isinstance(value, Mapping) and value and f"{prefix}{key}" not in _MAPS:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def knobs(draft: Mapping[str, Any]) -> dict[str, Parameter]:
    """Every setting that the form could draw for this draft, by dotted key."""
    method, recipe = method_named(value_at(draft, "method.name")), recipe_named(value_at(draft, "recipe.name"))
    return _knobs(method, recipe)


@cache
def _knobs(method: type[Spec], recipe: type[Spec]) -> dict[str, Parameter]:
    found = {f"method.{knob.name}": knob for knob in method.parameters()}
    found |= {f"recipe.{knob.name}": knob for knob in recipe.parameters() if knob.name != "rewards"}
    for place, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            found[f"{place}.{name}"] = parameter(name, field)
    return found


def recipe_named(name: object) -> type[Spec]:
    """The spec of a recipe, supervised fine-tuning for names that none has."""
    specs = {spec.spec_name(): spec for spec in members(Recipe)}
    return specs.get(str(name), specs["sft"])


def method_named(name: object) -> type[Spec]:
    """The spec of a method, LoRA for names that none has."""
    specs = {spec.spec_name(): spec for spec in members(Method)}
    return specs.get(str(name), specs["lora"])


def _copied(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value
