"""SmartDefaults: gathers what is known of model, rows and machine, and suggests settings that suit them."""

import json
import math
from collections.abc import Callable
from pathlib import Path

from backend.domain.data_report import Lengths
from backend.domain.machine import Gpu, HardwareSnapshot
from backend.domain.model_facts import Texts, Weights, model_facts
from backend.domain.run_config import RunConfig
from backend.domain.smart_defaults import Known, Suggestion, suggest
from backend.errors import StudioError
from backend.services.dataset_library import DatasetLibrary
from backend.services.hardware import HardwareService
from backend.services.parameter_counts import ParameterCounts
from config.catalog import Profile, base_models
from config.defaults import defaults


class SmartDefaults:
    """Holds no state. Nothing is started and the hub is not asked: what is not known leads to no suggestion."""

    def __init__(
        self,
        hardware: HardwareService,
        counts: ParameterCounts,
        datasets: DatasetLibrary,
        installed_version: Callable[[str], str | None],
    ) -> None:
        self._hardware = hardware
        self._counts = counts
        self._datasets = datasets
        self._installed_version = installed_version

    def suggest(
        self, config: RunConfig, base: Path, lengths: Lengths | None = None, profile: Profile | None = None
    ) -> tuple[Suggestion, ...]:
        """One for each setting, or group of them, that something is known about; those that hold already as well."""
        return suggest(config, self.known(config, base, lengths, profile), defaults())

    def known(
        self, config: RunConfig, base: Path, lengths: Lengths | None = None, profile: Profile | None = None
    ) -> Known:
        """What the suggestions are drawn from."""
        now = self._hardware.snapshot()
        gpu = now.gpus[0] if now.gpus and config.devices.kind == "auto" else None
        size, context = self._model(config, base)
        return Known(
            num_rows=self._num_rows(config, base),
            lengths=lengths,
            num_parameters=size,
            context_length=context,
            gpu=gpu,
            memory_bytes=_memory(now, gpu),
            has_bitsandbytes=self._installed_version("bitsandbytes") is not None,
            profile=profile,
        )

    def _num_rows(self, config: RunConfig, base: Path) -> int | None:
        try:
            return self._datasets.inspect(config.dataset, base).num_rows or None
        except StudioError:  # on the hub, or not there: the preflight says so
            return None

    def _model(self, config: RunConfig, base: Path) -> tuple[int | None, int | None]:
        """Parameters of the base model, and the longest text that it reads."""
        path = config.base_model.path
        model = self._counts.model(path, config.base_model.revision, base)
        if model is None:
            return next((known.parameters for known in base_models() if known.id == path), None), None
        try:
            told = json.loads((model.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            told = {}
        context = model_facts(Texts(config=told), Weights(), 0, ()).context_length if isinstance(told, dict) else None
        return sum(map(math.prod, model.shapes.values())) or None, context


def _memory(now: HardwareSnapshot, gpu: Gpu | None) -> int | None:
    return now.memory.total_bytes if gpu is None else gpu.memory_total_bytes
