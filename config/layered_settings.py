"""LayeredSettings: settings that know which source said what, and can be handed on to child programs."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import BaseModel, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.setting_layers import (
    HERE,
    NESTED,
    PREFIX,
    Given,
    Layer,
    Source,
    leaves,
    merged,
    read_layers,
    start_folder,
    variable,
)

_ABOVE_THE_FILE = (Source.COMMAND, Source.VARIABLE, Source.DOTENV, Source.HERE)


class LayeredSettings(BaseSettings):
    """The base of Settings: reading, and handing on."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file_encoding="utf-8", env_nested_delimiter=NESTED, extra="ignore", frozen=True
    )
    _given: Given = PrivateAttr(default_factory=Given)

    workspace: Path

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - the value of any setting
        """Settings from all sources; what is `given` here goes before all of them."""
        layers = read_layers(type(self), given, default_workspace())
        super().__init__(**merged(layers))
        self._given = Given(given, layers)

    @property
    def given(self) -> dict[str, Any]:
        """What was given to the constructor, such as the workspace of the command line."""
        return dict(self._given.values)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """Every source with its values, the one that wins first."""
        return self._given.layers

    def as_environment(self, also: Collection[str] = ()) -> dict[str, str]:
        """Variables that give a child program these very settings, wherever it starts.

        Files are named, not copied: a child that starts later reads what they say by then, but for the keys
        named by `also`.
        """
        known = dict(leaves(self.model_dump(mode="json")))
        named = self._chosen((Source.COMMAND, Source.VARIABLE)) | {key: known[key] for key in also}
        return _variables(named | {"workspace": str(self.workspace)}) | {HERE: str(start_folder())}

    def as_changed_environment(self) -> dict[str, str]:
        """The workspace, and what its own file does not say, for what is to outlive this version of the studio."""
        usual = dict(leaves(self.model_dump(mode="json", exclude_defaults=True)))
        named = {key: value for key, value in self._chosen(_ABOVE_THE_FILE).items() if key in usual}
        return _variables(named | {"workspace": str(self.workspace)})

    def _chosen(self, sources: tuple[Source, ...]) -> dict[str, Any]:
        """The values, by dotted key, of what these sources name."""
        known = dict(leaves(self.model_dump(mode="json")))
        named = {key for layer in self.layers if layer.source in sources for key, _ in leaves(_plain(layer.values))}
        return {key: value for key, value in known.items() if key in named}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - signature of BaseSettings
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The constructor has read all sources already, to remember which said what."""
        return (init_settings,)


def default_workspace() -> Path:
    """Where the workspace is if nobody says so."""
    return Path.home() / ".peft-studio"


def _variables(values: dict[str, Any]) -> dict[str, str]:
    return {variable(key): value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Flags that were given as a model count as nested values."""
    flags = values.get("flags")
    return values | {"flags": flags.model_dump()} if isinstance(flags, BaseModel) else values
