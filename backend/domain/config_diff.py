"""What two or more RunConfigs are told differently, key by key, defaults filled in. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel, JsonValue

from backend.domain.run_config import RunConfig
from backend.domain.sampling import Samples
from backend.quantization import NoQuantization

LABELS = frozenset({"schema_version", "name"})  # what a run is called trains nothing
SEED = "training.seed"
_ALWAYS = frozenset({"recipe.name", "base_model.path", "dataset.path", "method.name"})


@dataclass(frozen=True, slots=True)
class NotAKnob:
    """In the place of a value: the chosen method, recipe or quantization `of` has no such setting."""

    of: str

    def __str__(self) -> str:
        """For a cell of a table."""
        return f"not a knob of {self.of}"


Told = JsonValue | NotAKnob


@dataclass(frozen=True, slots=True)
class Difference:
    """A dotted key such as training.batch_size, with the value of each configuration in the order given.

    `is_choice_alone`: it differs only because some chose a method without it; the others have the default.
    """

    key: str
    values: tuple[Told, ...]
    is_choice_alone: bool = False


@dataclass(frozen=True, slots=True)
class ConfigDiff:
    """What differs, in the order of the model; `num_equal` settings that all have are the same in all."""

    differences: tuple[Difference, ...]
    num_equal: int


def flattened(config: RunConfig) -> dict[str, JsonValue]:
    """Every setting by dotted key, in the order of the model, an omitted one with its default; no labels.

    Lists and maps (patterns by layer, datasets mixed in) are one value each.
    """
    return {key: value for key, (value, _) in _settings(config).items()}


def setting_keys() -> tuple[str, ...]:
    """Every setting that any run can have, in the order of the model; no labels."""
    return tuple(key for key in _order() if key not in LABELS and not _is_section(key))


def compare_configs(configs: Sequence[RunConfig]) -> ConfigDiff:
    """The settings that are not the same in all; nothing differs among fewer than two."""
    all_told = [_settings(config) for config in configs]
    keys = sorted({key for told in all_told for key in told}, key=_position)
    rows = [_row(key, all_told) for key in keys]
    differing = tuple(row for row in rows if any(not _is_same(value, row.values[0]) for value in row.values))
    return ConfigDiff(differing, len(rows) - len(differing))


def are_same(one: RunConfig, other: RunConfig, *, but: frozenset[str] = frozenset()) -> bool:
    """Whether both say the same, whatever they are called; `but` names keys that do not count."""
    return {row.key for row in compare_configs((one, other)).differences} <= but


def changes(before: RunConfig, after: RunConfig) -> dict[str, Told]:
    """What makes the one of the other: the new value by dotted key, NotAKnob for a setting that goes away."""
    return {row.key: row.values[1] for row in compare_configs((before, after)).differences}


def applied(config: RunConfig, new: Mapping[str, Told]) -> RunConfig:
    """The configuration with changes as `changes` gives them. Raises ValueError for what does not go together."""
    kept: dict[str, Told] = {**flattened(config), **new}
    values = {key: value for key, value in kept.items() if not isinstance(value, NotAKnob)}
    return RunConfig.model_validate({**nested(values), "name": config.name})


def not_default(config: RunConfig) -> dict[str, Any]:
    """The shortest partial RunConfig that means the same: what differs from the defaults, nested.

    Base model, dataset and the names of recipe and method are always there; the run's own name never is.
    """
    leaves = _settings(config)
    is_full = config.quantization.name == NoQuantization.spec_name()
    leaves["quantization.name"] = (config.quantization.name, is_full)
    kept = {key: value for key, (value, is_default) in leaves.items() if key in _ALWAYS or not is_default}
    return nested(kept)


def nested(values: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Dotted keys as mappings in mappings, such as run.yaml has them."""
    tree: dict[str, Any] = {}
    for key, value in values.items():
        *path, last = key.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return tree


def _settings(config: RunConfig) -> dict[str, tuple[JsonValue, bool]]:
    """Value, and whether it is the default, by dotted key in the order of the model; no labels."""
    found = {key: (value, is_default) for key, value, is_default in _leaves(config, "") if key not in LABELS}
    return dict(sorted(found.items(), key=lambda item: _position(item[0])))


def _leaves(model: BaseModel, prefix: str) -> Iterator[tuple[str, JsonValue, bool]]:
    """Dotted key, value, and whether it is the default."""
    if isinstance(model, Samples):  # a prompt may be written as a text or in full
        model = model.model_copy(update={"prompts": model.asked()})
    plain = model.model_dump(mode="json")
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if _models(field.annotation):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            is_default = not field.is_required() and value == field.get_default(call_default_factory=True)
            yield f"{prefix}{name}", plain[name], is_default


def _row(key: str, all_told: Sequence[Mapping[str, tuple[JsonValue, bool]]]) -> Difference:
    """The sections of a RunConfig have other keys only where another method, recipe or quantization was chosen."""
    section = key.partition(".")[0]
    values = tuple(told[key][0] if key in told else NotAKnob(str(told[f"{section}.name"][0])) for told in all_told)
    is_missing = any(key not in told for told in all_told)
    return Difference(key, values, is_missing and all(told[key][1] for told in all_told if key in told))


def _is_same(one: Told, other: Told) -> bool:
    """True is not 1 here, though 1.0 is."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _position(key: str) -> int:
    return _order()[key]


@cache
def _is_section(key: str) -> bool:
    return any(other.startswith(f"{key}.") for other in _order())


@cache
def _order() -> dict[str, int]:
    """Every key that there can be, counted through as the model declares them, unions member by member."""
    return {key: i for i, key in enumerate(dict.fromkeys(_keys(RunConfig, "")))}


def _keys(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        for below in _models(field.annotation):
            yield from _keys(below, f"{prefix}{name}.")


def _models(annotation: object) -> tuple[type[BaseModel], ...]:
    """The models of which a field holds one; none for a plain value, a list, a map, or what may be missing."""
    parts = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    models = tuple(part for part in parts if isinstance(part, type) and issubclass(part, BaseModel))
    return models if len(models) == len(parts) else ()
