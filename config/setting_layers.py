"""Where the values of settings come from: layers of nested values, the one that wins first."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource

PREFIX = "PEFT_STUDIO_"
NESTED = "__"  # PEFT_STUDIO_FLAGS__DEVELOPER is flags.developer
HERE = PREFIX + "HERE"
FILE_NAME = "studio.toml"
PROFILES = Path(__file__).resolve().parent / "environments"
Values = dict[str, Any]


class Source(StrEnum):
    """Who gives a value, the one that wins first."""

    COMMAND = "command line"
    VARIABLE = "environment variable"
    DOTENV = ".env"
    HERE = "studio.toml of the start folder"
    FILE = "studio.toml"
    PROFILE = "environment profile"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Layer:
    """The values of one source; `path` is the file that has them, if it is one."""

    source: Source
    values: Values
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """What settings were made of. It is no part of what they are: settings of other sources may be equal."""

    values: Values = field(default_factory=dict, compare=False)
    layers: tuple[Layer, ...] = field(default=(), compare=False)


def start_folder() -> Path:
    """Where the person started the studio, also for the programs that it starts elsewhere."""
    return Path(os.environ.get(HERE) or Path.cwd())


def read_layers(settings: type[BaseSettings], given: Values, default_workspace: Path) -> tuple[Layer, ...]:
    """All layers above the defaults. Raises ValueError for a variable or file that cannot be read, OSError."""
    here = start_folder()
    layers = [
        Layer(Source.COMMAND, given),
        Layer(Source.VARIABLE, EnvSettingsSource(settings)()),
        Layer(Source.DOTENV, DotEnvSettingsSource(settings, env_file=here / ".env")(), here / ".env"),
    ]
    beside = here / FILE_NAME
    from_here = _toml(beside)
    file = _workspace([*layers, Layer(Source.HERE, from_here)], default_workspace) / FILE_NAME
    if beside.resolve() != file.resolve():
        layers.append(Layer(Source.HERE, from_here, beside))
    own = {key: value for key, value in _toml(file).items() if key != "workspace"}
    layers.append(Layer(Source.FILE, own, file))
    return (*layers, _profile(layers))


def merged(layers: tuple[Layer, ...]) -> Values:
    """One set of values."""
    found: Values = {}
    for layer in reversed(layers):
        found = _over(found, layer.values)
    return found


def leaves(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys with their values."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{above}{key}.")
        else:
            yield above + key, value


def nested(key: str, value: object) -> Values:
    """A dotted key and its value as a file nests them."""
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}


def variable(key: str) -> str:
    """The environment variable of a dotted key."""
    return PREFIX + key.upper().replace(".", NESTED)


def _workspace(layers: list[Layer], default: Path) -> Path:
    named = next((layer.values["workspace"] for layer in layers if "workspace" in layer.values), default)
    return start_folder() / Path(str(named)).expanduser()


def _profile(layers: list[Layer]) -> Layer:
    """An unknown name gives nothing, and validation then names it."""
    named = next((layer.values["environment"] for layer in layers if "environment" in layer.values), "prod")
    file = PROFILES / f"{Path(str(named)).name}.toml"
    return Layer(Source.PROFILE, _toml(file), file)


def _toml(path: Path) -> Values:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: {error}") from error


def _over(below: Values, above: Mapping[str, Any]) -> Values:
    both = dict(below)
    for key, value in above.items():
        under = both.get(key)
        both[key] = _over(under, value) if isinstance(under, dict) and isinstance(value, Mapping) else value
    return both
