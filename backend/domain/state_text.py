"""The part of an ApplicationState that outlives the browser tab, as text."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from backend.domain.application_state import ApplicationState, SweepForm, TrainingState, UIState, ViewState
from backend.domain.json_value import frozen_mapping, thawed

SCHEMA_VERSION = 1
FORM = ("basis", "draft_id", "draft_mark")
T = TypeVar("T", ViewState, UIState, SweepForm)


def to_text(state: ApplicationState) -> str:
    """JSON with the view, the draft and the preferences; the version of the runs is not kept."""
    kept = {
        "schema_version": SCHEMA_VERSION,
        "view": asdict(state.view),
        "draft": thawed(state.training.draft),
        "form": {name: getattr(state.training, name) for name in FORM} | {"sweep": asdict(state.training.sweep)},
        "ui": asdict(state.ui),
    }
    return json.dumps(kept, ensure_ascii=True, allow_nan=False)


def from_text(text: str | None) -> ApplicationState:
    """The state in a text. Whatever is missing, damaged or of another version has its default."""
    kept = _kept(text)
    return ApplicationState(
        view=_part(ViewState, kept.get("view")),
        training=_training(kept.get("draft"), kept.get("form")),
        ui=_part(UIState, kept.get("ui")),
    )


def _kept(text: str | None) -> Mapping[str, object]:
    try:
        kept = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    is_ours = isinstance(kept, dict) and kept.get("schema_version") == SCHEMA_VERSION
    return kept if is_ours else {}


def _part(kind: type[T], value: object) -> T:
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return kind()


def _training(draft: object, form: object) -> TrainingState:
    """States that were stored before forms were kept one by one have a draft only."""
    told = form if isinstance(form, Mapping) else {}
    basis, draft_id, mark = (str(told.get(name) or "") for name in FORM)
    try:
        frozen = frozen_mapping(draft) if isinstance(draft, Mapping) else {}
        return TrainingState(frozen, 0, basis, draft_id, mark, _part(SweepForm, told.get("sweep")))
    except (ValueError, RecursionError):
        return TrainingState()
