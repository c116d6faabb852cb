"""Looks into datasets and checks of orders, remembered until the file or the question changes."""

from pathlib import Path

import streamlit as st

from backend.data.choice import DatasetChoice
from backend.data.inspection import DatasetSummary
from backend.domain.preflight import PreflightReport
from backend.domain.run_config import RunConfig
from backend.services.bundle import Services
from config.catalog import SAMPLE_PREFIX

CHECK_SECONDS = 30  # disk space and installed packages change without telling us
Version = tuple[int, int]


def look(services: Services, choice: DatasetChoice) -> DatasetSummary:
    """What is in a dataset. Raises DataError if the file as a whole cannot be read."""
    return _look(services, choice.model_dump_json(), _version(choice.path))


def check(services: Services, config: RunConfig) -> PreflightReport:
    """What would make the run fail."""
    return _check(services, config.model_dump_json(), _version(config.dataset.path))


def base() -> Path:
    """What relative paths typed into the form are relative to: where the dashboard was started."""
    return Path.cwd()


@st.cache_data(max_entries=32, show_spinner="Reading the dataset")
def _look(_services: Services, choice: str, version: Version) -> DatasetSummary:  # noqa: ARG001 - part of the key
    return _services.datasets.inspect(DatasetChoice.model_validate_json(choice), base())


@st.cache_data(max_entries=32, ttl=CHECK_SECONDS, show_spinner="Checking data, model and machine")
def _check(_services: Services, config: str, version: Version) -> PreflightReport:  # noqa: ARG001 - part of the key
    return _services.training.preflight(RunConfig.model_validate_json(config), base())


def _version(path: str) -> Version:
    """Size and time of change of a file; (0, 0) for a shipped sample or a file that cannot be seen."""
    if path.startswith(SAMPLE_PREFIX):
        return (0, 0)
    try:
        found = (base() / Path(path).expanduser()).stat()
    except (OSError, RuntimeError, ValueError):
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)
