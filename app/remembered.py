"""Answers of services that cost more than a click may cost, remembered until they may have changed."""

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from app.drafts import Draft, expanded
from backend.data.choice import DatasetChoice
from backend.data.inspection import DatasetSummary
from backend.domain.chat_sides import Side, Subject
from backend.domain.dependencies import DependencyReport
from backend.domain.preflight import PreflightReport
from backend.domain.run_config import RunConfig
from backend.errors import Explanation, StudioError
from backend.services.bundle import Services
from backend.services.storage import FolderUsage
from config.catalog import SAMPLE_PREFIX, CatalogModel, base_models

CHECK_SECONDS = 30  # disk space changes without telling us
REMEMBERED_SECONDS = 60
Version = tuple[int, int]
Versions = tuple[Version, ...]


def look(services: Services, choice: DatasetChoice) -> DatasetSummary:
    """What is in a dataset. Raises DataError if the file as a whole cannot be read."""
    return _look(services, choice.model_dump_json(), _versions(choice))


def check(services: Services, config: RunConfig) -> PreflightReport:
    """What would make the run fail."""
    return _check(services, config.model_dump_json(), _versions(config.dataset))


def base() -> Path:
    """What relative paths typed into the form are relative to: where the dashboard was started."""
    return Path.cwd()


@st.cache_data(ttl=REMEMBERED_SECONDS, show_spinner=False)
def dependencies(_services: Services) -> DependencyReport:
    """What is installed."""
    return _services.dependencies.check_all()


@st.cache_data(ttl=REMEMBERED_SECONDS, show_spinner="Measuring the workspace")
def storage(_services: Services) -> tuple[FolderUsage, ...]:
    """What the workspace takes up."""
    return _services.storage.usage()


def presets(services: Services) -> dict[str, Draft]:
    """The presets without short forms: those that ship with the studio, and people's own."""
    return _presets(services, services.configs.presets_version())


@st.cache_data(max_entries=4, show_spinner=False)
def _presets(_services: Services, version: object) -> dict[str, Draft]:  # noqa: ARG001 - part of the key
    return {name: expanded(preset) for name, preset in _services.configs.presets().items()}


@st.cache_data(show_spinner=False)
def models() -> tuple[CatalogModel, ...]:
    """The catalogue of base models; it ships with the studio."""
    return base_models()


@st.cache_data(max_entries=32, show_spinner="Reading the dataset")
def _look(_services: Services, choice: str, versions: Versions) -> DatasetSummary:  # noqa: ARG001 - part of the key
    return _services.datasets.inspect(DatasetChoice.model_validate_json(choice), base())


@st.cache_data(max_entries=32, ttl=CHECK_SECONDS, show_spinner="Checking data, model and machine")
def _check(_services: Services, config: str, versions: Versions) -> PreflightReport:  # noqa: ARG001 - part of the key
    return _services.training.preflight(RunConfig.model_validate_json(config), base())


def _versions(choice: DatasetChoice) -> Versions:
    """Those of all files and folders of a dataset."""
    paths = [part.path for part in choice.parts] + [choice.validation_path or choice.path]
    return tuple(_version(path) for path in paths)


def _version(path: str) -> Version:
    """Size and time of change of a file; (0, 0) for a shipped sample or a file that cannot be seen."""
    if path.startswith(SAMPLE_PREFIX):
        return (0, 0)
    try:
        found = (base() / Path(path).expanduser()).stat()
    except (OSError, RuntimeError, ValueError):
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


def side_problems(services: Services, subject: Subject, sides: tuple[Side, ...]) -> dict[str, Explanation]:
    """Why sides of other runs cannot sit beside a subject, by address."""
    others = [side.address for side in sides if side.run_id not in (None, subject.run_id)]
    if not others:
        return {}
    return {
        address: Explanation(**told)
        for address, told in _side_problems(services, subject.run_id, subject.model, tuple(others)).items()
    }


@st.cache_data(max_entries=64, ttl=CHECK_SECONDS, show_spinner=False)
def _side_problems(
    _services: Services, run_id: str | None, model: str | None, others: tuple[str, ...]
) -> dict[str, dict[str, str]]:
    found = {}
    for address in others:
        side = Side.parse(address)
        try:
            if side is not None:
                _services.playground.check(Subject(run_id, model), side)
        except StudioError as error:
            found[address] = asdict(error.explain())
    return found
