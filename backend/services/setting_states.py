"""Which settings there are, and the state of each, out of the settings that hold and their layers."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from pydantic.fields import FieldInfo

from backend.domain.setting_state import SettingState
from backend.spec import parameter
from config.feature_flags import FeatureFlags
from config.setting_fields import Effect, effect_of, group_of
from config.setting_layers import Layer, Source, leaves, variable
from config.settings import Settings

_FIXED = {
    Source.COMMAND: "An argument of the program that was started gives it.",
    Source.VARIABLE: "The environment variable {origin} gives it, which goes before studio.toml.",
    Source.DOTENV: "The file {origin} gives it, which goes before studio.toml of the workspace.",
    Source.HERE: "The file {origin} gives it, which goes before studio.toml of the workspace.",
}
_WORKSPACE = "The workspace cannot be named by a file that lies in it: set {origin} before the start."
_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
SECRETS = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@dataclass(frozen=True, slots=True)
class Key:
    """A setting's dotted name and its field."""

    name: str
    field: FieldInfo


@cache
def keys() -> tuple[Key, ...]:
    """All settings; those of flags one by one."""
    return tuple(_keys())


def _keys() -> Iterator[Key]:
    for name, field in Settings.model_fields.items():
        if name != "flags":
            yield Key(name, field)
    for name, field in FeatureFlags.model_fields.items():
        yield Key(f"flags.{name}", field)


STARTED = tuple(key.name for key in keys() if effect_of(key.field) is Effect.NEXT_START)
OF_RUNS = tuple(key.name for key in keys() if effect_of(key.field) is Effect.NEXT_RUN)


def flat(settings: Settings) -> dict[str, object]:
    """Every value as JSON has it, by dotted key."""
    return dict(leaves(settings.model_dump(mode="json")))


def states(current: Settings, read: Settings) -> tuple[SettingState, ...]:
    """`read` is what the sources say now, `current` what holds."""
    now, coming = flat(current), flat(read)
    named = [(layer, dict(leaves(layer.values))) for layer in read.layers]
    return tuple(_state(key, now[key.name], coming[key.name], named) for key in keys())


def masked(text: str) -> str:
    """The text without the passwords of addresses such as postgresql://name:password@host/."""
    return _PASSWORD.sub(r"\1:***@", text)


def secrets() -> dict[str, bool]:
    """Whether each of the secrets that the libraries read from the environment is set; never what it is."""
    return {name: bool(os.environ.get(name)) for name in SECRETS}


def _state(key: Key, value: object, coming: object, named: list[tuple[Layer, dict[str, object]]]) -> SettingState:
    layer = next((layer for layer, values in named if key.name in values), None)
    source = layer.source if layer else Source.DEFAULT
    origin = _origin(key.name, layer)
    told = parameter(key.name.rpartition(".")[2], key.field)
    told = replace(
        told, label=told.label.replace("Cpu", "CPU").replace("url", "URL").replace("Tensorboard", "TensorBoard")
    )
    is_kept = any(layer.source is Source.FILE and key.name in values for layer, values in named)
    fixed = _WORKSPACE if key.name == "workspace" else _FIXED.get(source, "")
    if isinstance(value, str) and masked(value) != value:
        fixed = fixed or "It holds a password, which is not shown: change it in the file or variable it comes from."
    return SettingState(
        key=key.name,
        group=group_of(key.field),
        effect=effect_of(key.field),
        parameter=told,
        value=masked(value) if isinstance(value, str) else value,
        default=_default(told.default),
        source=source,
        origin=origin,
        fixed=fixed.format(origin=variable(key.name) if key.name == "workspace" else origin),
        is_kept=is_kept,
        pending=masked(coming) if isinstance(coming, str) else coming,
        is_pending=coming != value,
    )


def _default(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return value if isinstance(value, str | int | float | None) else str(value)


def _origin(key: str, layer: Layer | None) -> str:
    if layer is None:
        return ""
    return variable(key) if layer.source is Source.VARIABLE else str(layer.path or "")
