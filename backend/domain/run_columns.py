"""The columns that a list of runs can have: facts of the run, any setting, the last value of any metric. Pure."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from types import MappingProxyType

from pydantic import JsonValue

from backend.domain.config_diff import setting_keys
from backend.domain.metric_goals import MACHINE
from backend.domain.run_view import RunView
from config.catalog import SAMPLE_PREFIX

Cell = float | str | datetime | None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What was read of a run's files: settings by dotted key, last finite values by tag; `text` is for searching."""

    settings: Mapping[str, JsonValue] = field(default_factory=lambda: MappingProxyType({}))
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    text: str = ""


NOTHING = RunFacts()
OWN = {
    "name": "Name",
    "state": "State",
    "step": "Step",
    "progress": "Progress",
    "method": "Method",
    "base_model": "Base model",
    "dataset": "Dataset",
    "created": "Created",
    "updated": "Changed",
    "message": "Message",
    "tags": "Tags",
    "notes": "Notes",
    "priority": "Priority",
    "attempts": "Attempts",
    "id": "Id",
}
DEFAULT = ("state", "step", "progress", "method", "base_model", "dataset", "created", "message", "tags")


def facts_of(settings: Mapping[str, JsonValue], metrics: Mapping[str, float]) -> RunFacts:
    """With the text that is searched: a line "key=value" for each setting, in small letters."""
    lines = (f"{key}={_spelt(value)}" for key, value in settings.items())
    finite = {tag: value for tag, value in metrics.items() if math.isfinite(value)}
    return RunFacts(settings, finite, "\n".join(lines).casefold())


def cell(view: RunView, facts: RunFacts, column: str) -> Cell:
    """What stands in a column of a run: its own fact, a setting by dotted key, or a metric by its tag.

    None where there is nothing, also in columns that nobody knows.
    """
    if column in _OWN:
        return _OWN[column](view)
    return _cell(facts.settings[column]) if column in facts.settings else facts.metrics.get(column)


def needs_files(columns: Iterable[str]) -> bool:
    """Whether any of the columns is not among a run's own facts."""
    return any(column not in _OWN for column in columns)


def title(column: str) -> str:
    """What a column is called."""
    return OWN.get(column, column)


def choices(all_facts: Iterable[RunFacts]) -> tuple[str, ...]:
    """Every column that can be chosen: the run's own, metrics before what the machine did, then settings."""
    known = list(all_facts)
    tags = {"eval/loss", "train/loss"}.union(*(facts.metrics for facts in known))
    ordered = sorted(tags, key=lambda tag: (tag.startswith(MACHINE), tag))
    return (*(own for own in OWN if own != "name"), *ordered, *setting_keys())


def short_path(path: str) -> str:
    """The last part of an absolute path; names, hub ids and samples as they are."""
    return PurePath(path).name if path.startswith("/") and not path.startswith(SAMPLE_PREFIX) else path


def _cell(value: JsonValue) -> Cell:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return float(value) if isinstance(value, int | float) else _spelt(value)


def _spelt(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_OWN: Mapping[str, Callable[[RunView], Cell]] = {
    "name": lambda view: view.run.name,
    "state": lambda view: view.run.state.value,
    "step": lambda view: float(view.step) if view.total_steps else None,
    "progress": lambda view: view.progress,
    "method": lambda view: view.run.method,
    "base_model": lambda view: short_path(view.run.base_model),
    "dataset": lambda view: short_path(view.run.dataset),
    "created": lambda view: view.run.created_at,
    "updated": lambda view: view.run.updated_at,
    "message": lambda view: view.run.message,
    "tags": lambda view: ", ".join(view.run.tags),
    "notes": lambda view: view.run.notes,
    "priority": lambda view: float(view.run.priority),
    "attempts": lambda view: float(len(view.run.attempts)),
    "id": lambda view: view.run.id,
}
