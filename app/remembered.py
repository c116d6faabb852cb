"""Answers of services that cost more than a click may cost, remembered until they may have changed.

What nobody can change (`cache_resource`) is handed out as it is; of the rest (`cache_data`) each draw gets a copy.
"""

import json
from dataclasses import asdict
from pathlib import Path

import streamlit as st

from app.drafts import Draft, expanded
from backend.data.choice import DatasetChoice
from backend.data.inspection import DatasetSummary
from backend.domain.application_state import SweepForm
from backend.domain.chat_sides import Side, Subject
from backend.domain.dependencies import DependencyReport
from backend.domain.measured_time import MeasuredTime
from backend.domain.method_fit import why_not
from backend.domain.preflight import PreflightReport
from backend.domain.run_config import RunConfig
from backend.domain.run_estimate import RunEstimate
from backend.domain.run_view import RunView
from backend.domain.sweep import SweepKind
from backend.errors import Explanation, StudioError
from backend.methods import Method
from backend.services.bundle import Services
from backend.services.storage import FolderUsage
from backend.services.sweeps import SweepPlan, axes
from backend.spec import members
from config.catalog import SAMPLE_PREFIX, CatalogModel, Profile, base_models
from config.catalog import profiles as read_profiles

CHECK_SECONDS = 30  # disk space changes without telling us
REMEMBERED_SECONDS = 60
Version = tuple[int, int]
Versions = tuple[Version, ...]


def look(services: Services, choice: DatasetChoice) -> DatasetSummary:
    """What is in a dataset. Raises DataError if the file as a whole cannot be read."""
    return _look(services, choice.model_dump_json(), _versions(choice))


def check(services: Services, config: RunConfig) -> PreflightReport:
    """What would make the run fail."""
    memory = services.memory_forecasts.look(config, base())
    fit = (memory.fit.value, memory.forecast.high_bytes if memory.forecast else 0)
    return _check(services, config.model_dump_json(), _versions(config.dataset), fit)


def base() -> Path:
    """What relative paths typed into the form are relative to: where the dashboard was started."""
    return Path.cwd()


@st.cache_data(max_entries=1, ttl=REMEMBERED_SECONDS, show_spinner=False)
def dependencies(_services: Services, changes: int) -> DependencyReport:  # noqa: ARG001 - part of the key
    """What is installed; `changes` counts the installations that were made from here."""
    return _services.dependencies.check_all()


def storage(services: Services) -> tuple[FolderUsage, ...]:
    """What the workspace takes up."""
    with st.spinner("Measuring the workspace"):
        return services.storage.usage()


def presets(services: Services) -> dict[str, Draft]:
    """The presets without short forms: those that ship with the studio, and people's own."""
    return _presets(services, services.configs.presets_version())


@st.cache_resource(max_entries=4, show_spinner=False)
def _presets(_services: Services, version: object) -> dict[str, Draft]:  # noqa: ARG001 - part of the key
    return {name: expanded(preset) for name, preset in _services.configs.presets().items()}


def preset_tags(services: Services) -> dict[str, tuple[str, ...]]:
    """The tags of each preset."""
    return _preset_tags(services, services.configs.presets_version())


@st.cache_data(max_entries=4, show_spinner=False)
def _preset_tags(_services: Services, version: object) -> dict[str, tuple[str, ...]]:  # noqa: ARG001 - part of the key
    return _services.configs.preset_tags()


@st.cache_resource(max_entries=1, show_spinner=False)
def profiles() -> dict[str, Profile]:
    """The use cases; they ship with the studio."""
    return read_profiles()


@st.cache_data(max_entries=32, ttl=REMEMBERED_SECONDS, show_spinner=False)
def order_as_draft(_services: Services, run_id: str) -> Draft:
    """What a run was told, as the form holds it. Raises RunNotFound, ConfigUnreadable, ConfigInvalid."""
    return expanded(_services.configs.draft_of(_services.comparing.order(run_id)))


def run_yaml(services: Services, config: RunConfig) -> str:
    """run.yaml as a run would get it."""
    return _run_yaml(services, config.model_dump_json())


@st.cache_data(max_entries=64, show_spinner=False)
def _run_yaml(_services: Services, config: str) -> str:
    return _services.configs.dump(RunConfig.model_validate_json(config))


def measured_time(services: Services, config: RunConfig) -> MeasuredTime | None:
    """How long a finished run of the same shape took; None if there is none."""
    return _measured_time(services, config.model_dump_json(), services.status.version())


@st.cache_data(max_entries=64, show_spinner=False)
def _measured_time(_services: Services, config: str, runs: int) -> MeasuredTime | None:  # noqa: ARG001 - part of the key
    return _services.times.of(RunConfig.model_validate_json(config), base())


def run_estimate(services: Services, config: RunConfig, num_steps: int | None) -> RunEstimate | None:
    """What earlier runs tell of the time and energy of this one; None if none does."""
    if num_steps is None:
        return None
    lengths = services.advice.lengths.look(config, base())
    return _run_estimate(services, config.model_dump_json(), num_steps, lengths is None, services.status.version())


@st.cache_data(max_entries=64, show_spinner=False)
def _run_estimate(
    _services: Services,
    config: str,
    num_steps: int,
    has_no_lengths: bool,  # noqa: ARG001 - part of the key
    runs: int,  # noqa: ARG001 - part of the key
) -> RunEstimate | None:
    return _services.advice.estimates.of(RunConfig.model_validate_json(config), base(), num_steps)


def memory_of_run(services: Services, view: RunView) -> str:
    """What a run at rest took of the memory beside its forecast, in a sentence; "" if it was not measured."""
    return _memory_of_run(services, view.id, view.run.updated_at.isoformat())


@st.cache_data(max_entries=64, ttl=REMEMBERED_SECONDS, show_spinner=False)
def _memory_of_run(_services: Services, run_id: str, changed: str) -> str:  # noqa: ARG001 - part of the key
    return _services.memory_forecasts.of_run(_services.status.show(run_id).run).sentence()


@st.cache_data(max_entries=1, ttl=REMEMBERED_SECONDS, show_spinner=False)
def has_gpu(_services: Services) -> bool:
    """Whether the machine has a GPU that can be used."""
    return bool(_services.hardware.snapshot().gpus)


def method_reasons(services: Services, draft: Draft, model_type: str) -> dict[str, str]:
    """By name, why a method cannot be chosen; only those."""
    told = {key: draft[key] for key in ("recipe", "quantization", "training") if key in draft}
    return _method_reasons(json.dumps(told, sort_keys=True, default=str), has_gpu(services), model_type)


@st.cache_data(max_entries=64, show_spinner=False)
def _method_reasons(told: str, has_gpu: bool, model_type: str) -> dict[str, str]:
    order = json.loads(told)
    found = {spec.spec_name(): why_not(spec, order, has_gpu=has_gpu, model_type=model_type) for spec in members(Method)}
    return {name: why for name, why in found.items() if why}


def sweep_plan(services: Services, draft: Draft, sweep: SweepForm) -> SweepPlan:
    """The runs of a sweep, each validated. Raises SweepInvalid for what cannot be read."""
    return _sweep_plan(services, json.dumps(draft, sort_keys=True), sweep.text, sweep.is_list, sweep.pattern)


@st.cache_data(max_entries=8, show_spinner=False)
def _sweep_plan(_services: Services, draft: str, text: str, is_list: bool, pattern: str) -> SweepPlan:
    kind = SweepKind.LIST if is_list else SweepKind.GRID
    return _services.sweeps.plan(json.loads(draft), axes(text), kind, pattern)


@st.cache_resource(max_entries=1, show_spinner=False)
def models() -> tuple[CatalogModel, ...]:
    """The catalogue of base models; it ships with the studio."""
    return base_models()


@st.cache_resource(max_entries=32, show_spinner="Reading the dataset")
def _look(_services: Services, choice: str, versions: Versions) -> DatasetSummary:  # noqa: ARG001 - part of the key
    return _services.datasets.inspect(DatasetChoice.model_validate_json(choice), base())


@st.cache_resource(max_entries=32, ttl=CHECK_SECONDS, show_spinner="Checking data, model and machine")
def _check(
    _services: Services,
    config: str,
    versions: Versions,  # noqa: ARG001 - part of the key
    fit: tuple[str, int],  # noqa: ARG001 - part of the key
) -> PreflightReport:
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
