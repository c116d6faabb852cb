"""What every setting tells of itself: its group, and when a change of it takes effect."""

from enum import StrEnum
from typing import Any

from pydantic import Field
from pydantic.fields import FieldInfo


class Effect(StrEnum):
    """When a changed setting takes effect."""

    NOW = "at once"
    NEXT_RUN = "at the next run"
    NEXT_CHAT = "when a chat model is loaded next"
    NEXT_START = "at the next start"


class Group(StrEnum):
    """Where the Settings page shows it."""

    STUDIO = "Studio"
    RUNS = "Runs"
    FAILURES = "Failures"
    MACHINE = "Machine"
    DATA = "Data and hub"
    FEATURES = "Features"


def setting(group: Group, effect: Effect, default: Any = ..., **about: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    """A pydantic field of this group and effect; `about` is what pydantic's Field takes."""
    chosen = {} if "default_factory" in about else {"default": default}
    return Field(json_schema_extra={"group": group.value, "effect": effect.value}, **chosen, **about)


def group_of(field: FieldInfo) -> Group:
    """The group that a field of Settings was given."""
    return Group(_told(field)["group"])


def effect_of(field: FieldInfo) -> Effect:
    """The effect that a field of Settings was given."""
    return Effect(_told(field)["effect"])


def _told(field: FieldInfo) -> dict[str, str]:
    extra = field.json_schema_extra
    assert isinstance(extra, dict), "every setting is made by setting()"
    return {key: str(value) for key, value in extra.items()}
