"""Changes that were made to a run's orders: what, why, and from which attempt on."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, JsonValue, TypeAdapter

from backend.domain.run_config import RunConfig
from backend.spec import Frozen


class Adjustment(Frozen):
    """One change. `changes` maps dotted keys of the RunConfig ("training.batch_size") to new values.

    A "repair" was offered to a person, who took it; an "extension" was asked for; the other kinds are
    supervision's own.
    """

    attempt: int = Field(ge=1, description="The first attempt that it is for.")
    kind: Literal["memory", "roll-back", "repair", "extension"] = "memory"
    reason: str
    changes: dict[str, JsonValue]
    good_step: int | None = Field(
        default=None,
        ge=0,
        description="Checkpoints of later steps were put aside; None keeps them all. An extension: where it begins.",
    )


_ADJUSTMENTS = TypeAdapter(tuple[Adjustment, ...])


def read_adjustments(file: Path) -> tuple[Adjustment, ...]:
    """What was changed so far, oldest first; a missing file means nothing. Raises ValueError, OSError."""
    if not file.exists():
        return ()
    return _ADJUSTMENTS.validate_json(file.read_bytes())


def adjustments_text(adjustments: tuple[Adjustment, ...]) -> str:
    """The file's text."""
    return json.dumps([adjustment.model_dump(mode="json") for adjustment in adjustments], indent=1)


def adjusted(config: RunConfig, adjustments: tuple[Adjustment, ...]) -> RunConfig:
    """The order as the next attempt is to follow it; run.yaml itself is never changed. Raises ValueError."""
    changes = {key: value for adjustment in adjustments for key, value in adjustment.changes.items()}
    return RunConfig.model_validate(changed(config, changes))


def changed(config: RunConfig, changes: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The order as plain values, with other ones at dotted keys; not validated. Raises ValueError."""
    tree: dict[str, JsonValue] = config.model_dump(mode="json")
    for key, value in changes.items():
        _set(tree, key.split("."), value)
    return tree


def difference(config: RunConfig, changes: Mapping[str, JsonValue]) -> str:
    """What changes, for a person: "batch_size 8 -> 4, gradient_accumulation 1 -> 2"."""
    before = config.model_dump(mode="json")
    parts = [f"{_word(key)} {_plain(_get(before, key))} -> {_plain(new)}" for key, new in changes.items()]
    return ", ".join(parts)


def as_diff(config: RunConfig, changes: Mapping[str, JsonValue]) -> str:
    """The same as lines of a diff, with whole keys: "- training.batch_size: 8" and "+ training.batch_size: 4"."""
    before = config.model_dump(mode="json")
    lines = (f"- {key}: {_plain(_get(before, key))}\n+ {key}: {_plain(new)}" for key, new in changes.items())
    return "\n".join(lines)


def _word(key: str) -> str:
    """The last part of a dotted key that says something by itself."""
    return key.removesuffix(".name").rpartition(".")[2]


def _set(tree: dict[str, JsonValue], path: list[str], value: JsonValue) -> None:
    for name in path[:-1]:
        inner = tree.get(name)
        if not isinstance(inner, dict):
            raise ValueError(f"there is no setting {'.'.join(path)}")  # noqa: TRY004 - read from a file
        tree = inner
    tree[path[-1]] = value


def _get(tree: JsonValue, key: str) -> JsonValue:
    for name in key.split("."):
        tree = tree.get(name) if isinstance(tree, dict) else None
    return tree


def _plain(value: JsonValue) -> str:
    """A choice with its knobs is told by its name."""
    if isinstance(value, dict) and isinstance(name := value.get("name"), str):
        return name
    return value if isinstance(value, str) else json.dumps(value)
