"""Why a method cannot be chosen here and now: the machine, the model, or what else was chosen. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from backend.domain.run_config import RunConfig
from backend.spec import Spec

_PLACE = {"base_model": {"path": "demo"}, "dataset": {"path": "x"}}


def why_not(spec: type[Spec], order: Mapping[str, Any], *, has_gpu: bool, model_type: str = "") -> str:
    """A sentence, or "" if it can be chosen.

    `order` may be unfinished: of it count the recipe, the quantization and the training settings. `model_type` is that
    of the base model's config.json, "" if it is not known.
    """
    card = spec.card
    if card.unavailable:
        return card.unavailable
    if "cuda" in card.requires and not has_gpu:
        return "It needs a CUDA GPU, and this machine has none."
    if card.model_types and model_type and model_type not in card.model_types:
        return f"It works on {', '.join(card.model_types)} only; this base model is {model_type}."
    return _contradiction(spec, order)


def _contradiction(spec: type[Spec], order: Mapping[str, Any]) -> str:
    """What RunConfig says of the method with its defaults beside what was chosen; nothing of other mistakes."""
    kept = {key: order[key] for key in ("recipe", "quantization", "training") if key in order}
    try:
        RunConfig.model_validate(_PLACE | kept | {"method": {"name": spec.spec_name()}})
    except ValidationError as error:
        told = [item["msg"] for item in error.errors() if not item["loc"]]
        sentence = told[0].removeprefix("Value error, ") if len(told) == len(error.errors()) else ""
        return f"{sentence[:1].upper()}{sentence[1:]}." if f'"{spec.spec_name()}"' in sentence else ""
    return ""
