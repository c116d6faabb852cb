"""ConfigService: from a form, a file or a preset to a validated RunConfig, and back to YAML."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from backend.domain.config_diff import not_default
from backend.domain.run_config import RunConfig
from backend.services.errors import ConfigInvalid, ConfigUnreadable
from backend.services.own_presets import OwnPresets, PresetNotKept, Version
from config.catalog import preset_tags, presets
from config.preset_tags import tags_in
from config.yaml_files import YamlError, dump_yaml, parse_yaml, read_yaml

REQUIRED = "is required"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration: `key` is a dotted path such as training.batch_size."""

    key: str
    message: str
    is_unknown_key: bool = False

    def __str__(self) -> str:
        """Both in one line."""
        return f"{self.key}: {self.message}" if self.key else self.message


class ConfigService:
    """Reads, checks and writes RunConfigs, and the presets that they begin with or become. Holds no state.

    `presets_folder` is where people's own presets are; without one there are only the shipped ones.
    """

    def __init__(self, presets_folder: Path | None = None, trash_folder: Path | None = None) -> None:
        trash = trash_folder or (presets_folder.parent / "trash" if presets_folder else Path())
        self._own = OwnPresets(presets_folder, presets(), trash) if presets_folder else None

    def parse(self, raw: Mapping[str, Any]) -> RunConfig:
        """Validate once. Raises ConfigInvalid with every problem."""
        try:
            return RunConfig.model_validate(dict(raw))
        except ValidationError as error:
            raise ConfigInvalid(problems=problems_of(error)) from error

    def problems(self, raw: Mapping[str, Any]) -> tuple[Problem, ...]:
        """What is wrong with a draft, for validation while typing; empty if nothing is."""
        try:
            RunConfig.model_validate(dict(raw))
        except ValidationError as error:
            return tuple(_problems(error))
        return ()

    def read(self, path: Path, overrides: Sequence[str] = ()) -> RunConfig:
        """A run.yaml with `a.b=c` overrides, values read as YAML. Raises ConfigUnreadable, ConfigInvalid."""
        return self.parse(self.read_raw(path, overrides))

    def read_raw(self, path: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
        """The same, not validated yet. Raises ConfigUnreadable, ConfigInvalid."""
        try:
            raw = read_yaml(path)
        except (OSError, YamlError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigUnreadable(path=path, problem=reason) from error
        if not isinstance(raw, dict):
            raise ConfigUnreadable(path=path, problem="it is not a mapping of keys to values")
        for override in overrides:
            _override(raw, override)
        return raw

    def changes(self, overrides: Sequence[str]) -> dict[str, JsonValue]:
        """`a.b=c` settings as dotted keys and values, read as YAML. Raises ConfigInvalid."""
        return dict(_setting(override) for override in overrides)

    def dump(self, config: RunConfig) -> str:
        """run.yaml: exactly what `peft-studio train` takes."""
        return dump_yaml(config.model_dump(mode="json", exclude_none=True))

    def draft_of(self, config: RunConfig) -> dict[str, Any]:
        """What the form holds to mean the same: whatever differs from the defaults, and the name."""
        named = {"name": config.name} if config.name else {}
        return named | not_default(config)

    def presets(self) -> dict[str, dict[str, Any]]:
        """Named partial RunConfigs: the shipped ones, then people's own."""
        return presets() | (self._own.read() if self._own else {})

    def preset_tags(self) -> dict[str, tuple[str, ...]]:
        """The tags of each preset, in the same order."""
        tags = preset_tags() | (self._own.tags() if self._own else {})
        return {name: tags.get(name, ()) for name in self.presets()}

    def tag_preset(self, name: str, tags: Sequence[str]) -> None:
        """Give one of one's own these tags. Raises PresetNotFound, PresetNotKept."""
        self._presets(name).tag(name, tags)

    def presets_version(self) -> Version:
        """Changes whenever somebody's own presets do."""
        return self._own.version() if self._own else ()

    def on_preset_change(self, told: Callable[[], object]) -> None:
        """Have somebody told whenever one of people's own presets is made, renamed or deleted here."""
        if self._own is not None:
            self._own.on_change = told

    def save_preset(
        self,
        name: str,
        config: RunConfig,
        *,
        without: Sequence[str] = (),
        replaces: bool = False,
        tags: Sequence[str] = (),
    ) -> Path:
        """Make a preset of what differs from the defaults, without some sections; where it is now.

        Raises PresetNameRefused, PresetExists, PresetNotKept.
        """
        return self._presets(name).write(name, preset_of(config, without), replaces=replaces, tags=tags)

    def own_presets(self) -> dict[str, dict[str, Any]]:
        """Those that people made themselves."""
        return self._own.read() if self._own else {}

    def import_preset(self, name: str, text: str) -> Path:
        """Keep a YAML text as a preset if every key of it is known and every value possible.

        Raises ConfigUnreadable, ConfigInvalid, PresetNameRefused, PresetExists, PresetNotKept.
        """
        preset, unknown = self.draft_from(text)
        wrong = [*unknown, *(problem for problem in self.problems(preset) if problem.message != REQUIRED)]
        if wrong:
            raise ConfigInvalid(problems="; ".join(map(str, wrong)))
        return self._presets(name).write(name, preset, tags=tags_in(text))

    def rename_preset(self, name: str, new_name: str) -> Path:
        """Raises PresetNotFound, PresetNameRefused, PresetExists, PresetNotKept."""
        return self._presets(name).rename(name, new_name)

    def delete_preset(self, name: str) -> Path:
        """Move one of one's own to the trash. Raises PresetNotFound, PresetNotKept."""
        return self._presets(name).delete(name)

    def draft_from(self, text: str, name: str = "run.yaml") -> tuple[dict[str, Any], tuple[Problem, ...]]:
        """A run.yaml or preset as a draft without the keys that nobody knows, and these, each with a hint.

        Raises ConfigUnreadable.
        """
        try:
            raw = parse_yaml(text)
            kept = json.loads(json.dumps(raw, allow_nan=False))
        except (YamlError, ValueError, TypeError, RecursionError) as error:
            raise ConfigUnreadable(path=name, problem=str(error)) from error
        if not isinstance(kept, dict):
            raise ConfigUnreadable(path=name, problem="it is not a mapping of keys to values")
        unknown = tuple(problem for problem in self.problems(kept) if problem.is_unknown_key)
        for problem in unknown:
            _drop(kept, problem.key.split("."))
        return kept, unknown

    def _presets(self, name: str) -> OwnPresets:
        if self._own is None:
            raise PresetNotKept(name=name, folder="nowhere", reason="there is no folder for presets")
        return self._own


def preset_of(config: RunConfig, without: Sequence[str] = ()) -> dict[str, Any]:
    """What differs from the defaults, as a preset holds it; `without` names sections such as dataset."""
    return {key: value for key, value in not_default(config).items() if key not in without}


def _drop(raw: dict[str, Any], path: Sequence[str]) -> None:
    for part in path[:-1]:
        below = raw.get(part)
        if not isinstance(below, dict):
            return
        raw = below
    raw.pop(path[-1], None)


def _override(raw: dict[str, Any], override: str) -> None:
    key, value = _setting(override)
    *path, last = key.split(".")
    place = raw
    for part in path:
        below = place.setdefault(part, {})
        if isinstance(below, str):  # the short form, such as `method: lora`
            below = place[part] = {"name" if part not in ("base_model", "dataset") else "path": below}
        if not isinstance(below, dict):
            raise ConfigInvalid(problems=f"--set {override!r}: {part} has no keys below it")
        place = below
    place[last] = value


def _setting(override: str) -> tuple[str, JsonValue]:
    key, separator, text = override.partition("=")
    if not separator or not all(key.split(".")):
        raise ConfigInvalid(problems=f"--set {override!r} is not of the form key.key=value")
    try:
        return key.strip(), parse_yaml(text)
    except YamlError as error:
        raise ConfigInvalid(problems=f"--set {override!r}: {error}") from error


def problems_of(error: ValidationError) -> str:
    """All of them in one line."""
    return "; ".join(str(problem) for problem in _problems(error))


def _problems(error: ValidationError) -> list[Problem]:
    return [_problem(item["loc"], item["type"], item["msg"]) for item in error.errors(include_url=False)]


def _problem(location: tuple[int | str, ...], kind: str, message: str) -> Problem:
    names = _keys(location)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(location[-1]), _known_keys(RunConfig), n=1)
        return Problem(names, "unknown key" + (f"; did you mean {near[0]}?" if near else ""), is_unknown_key=True)
    if kind == "missing":
        return Problem(names, REQUIRED)
    text = message.removeprefix("Value error, ").removeprefix("Input ").strip()
    return Problem(names, text[:1].lower() + text[1:])


def _keys(location: tuple[int | str, ...]) -> str:
    """Dotted path without the names of union members that pydantic puts between (method.lora.rank)."""
    kept = [str(part) for i, part in enumerate(location) if not (i == 1 and location[0] in _UNIONS)]
    return ".".join(kept)


_UNIONS = ("method", "quantization", "recipe")


def _known_keys(model: type[BaseModel]) -> list[str]:
    found = list(model.model_fields)
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found.extend(_known_keys(part))
    return found
