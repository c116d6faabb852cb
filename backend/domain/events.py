"""What can happen in the studio, as values: who subscribes to a type hears of everything below it, too."""

from dataclasses import dataclass
from pathlib import Path

from backend.domain.states import RunState


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happened."""


@dataclass(frozen=True, slots=True)
class RunEvent(Event):
    """Something about one run, whoever did it."""

    run_id: str


@dataclass(frozen=True, slots=True)
class RunAdded(RunEvent):
    """The store has a new run."""

    state: RunState


@dataclass(frozen=True, slots=True)
class RunChanged(RunEvent):
    """State, wish, attempts, place in the queue, name, notes or tags of a run changed."""

    state: RunState


@dataclass(frozen=True, slots=True)
class RunRemoved(RunEvent):
    """The store has the run no more; its folder was there."""

    run_dir: Path


@dataclass(frozen=True, slots=True)
class DatasetsChanged(Event):
    """Datasets came or went, or are read otherwise."""


@dataclass(frozen=True, slots=True)
class ModelsChanged(Event):
    """A person deleted a model, or changed which folders are looked through for models."""


@dataclass(frozen=True, slots=True)
class PresetsChanged(Event):
    """People's own presets came, went or were replaced."""


@dataclass(frozen=True, slots=True)
class ConfigChanged(Event):
    """Settings have other values now, by their names."""

    changed: frozenset[str]


@dataclass(frozen=True, slots=True)
class ErrorHandled(Event):
    """An error reached an edge of the program and was told to whoever met it."""

    error_id: str
    incident: str
    operation: str


@dataclass(frozen=True, slots=True)
class ErrorResolved(Event):
    """What had failed has worked since."""

    error_id: str
    incident: str
    operation: str


@dataclass(frozen=True, slots=True)
class PluginFailed(Event):
    """A plugin could not be loaded or used; the studio goes on without it."""

    plugin: str
    reason: str


@dataclass(frozen=True, slots=True)
class HandlerFailed(Event):
    """A subscriber raised while it was told of an event of this type; the others were told all the same."""

    event_type: str
    handler: str
    reason: str
