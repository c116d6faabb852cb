"""Typed readers of what the repository ships: base models, presets and sample datasets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.preset_tags import tags_in
from config.yaml_files import read_yaml

HERE = Path(__file__).resolve().parent
SAMPLES = HERE / "samples"
DEMO_MODEL = "demo"
SAMPLE_PREFIX = "sample:"


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A base model that the form offers. `id` is what RunConfig.base_model.path takes."""

    id: str
    title: str
    summary: str
    parameters: int | None
    licence: str


@dataclass(frozen=True, slots=True)
class Profile:
    """A use case: the values by dotted key that suit it, and why each of them does."""

    name: str
    title: str
    summary: str
    values: Mapping[str, Any]
    reasons: Mapping[str, str]


def profiles() -> dict[str, Profile]:
    """The use cases by file name, in the order of their titles."""
    found = (_profile(path.stem, read_yaml(path)) for path in (HERE / "profiles").glob("*.yaml"))
    return {profile.name: profile for profile in sorted(found, key=lambda profile: profile.title)}


def _profile(name: str, told: Mapping[str, Any]) -> Profile:
    values = told["values"]
    return Profile(
        name,
        told["title"],
        told["summary"],
        {key: entry["value"] for key, entry in values.items()},
        {key: entry["reason"] for key, entry in values.items()},
    )


def base_models() -> tuple[CatalogModel, ...]:
    """The models of models.yaml, in its order."""
    return tuple(CatalogModel(**entry) for entry in read_yaml(HERE / "models.yaml"))


def presets() -> dict[str, dict[str, Any]]:
    """Named partial RunConfigs by file name, sorted."""
    return {path.stem: read_yaml(path) for path in sorted((HERE / "presets").glob("*.yaml"))}


def preset_tags() -> dict[str, tuple[str, ...]]:
    """The tags of the shipped presets, by file name."""
    return {path.stem: tags_in(path.read_text(encoding="utf-8")) for path in (HERE / "presets").glob("*.yaml")}


def preset_path(name: str) -> Path:
    """Where a preset lies."""
    return HERE / "presets" / f"{name}.yaml"


def prompt_sets() -> dict[str, Path]:
    """The files of the lists of prompts that ship with the studio, by name, sorted."""
    return {path.stem: path for path in sorted((HERE / "prompt_sets").glob("*.yaml"))}


def memory_lines() -> dict[str, dict[str, Any]]:
    """How measured peaks of memory lie beside traced ones, by device; written by `scripts/bench memory`."""
    found: dict[str, dict[str, Any]] = read_yaml(HERE / "memory_lines.yaml")
    return found


def sample_path(name: str) -> Path | None:
    """The shipped sample of a name such as `demo.jsonl`, or None; names are looked up, never joined."""
    return {path.name: path for path in SAMPLES.glob("*") if path.is_file()}.get(name)
