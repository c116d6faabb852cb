"""Preflight: finds what would make a run fail, before anything is written."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from backend.data.errors import DatasetElsewhere, DatasetEmpty
from backend.data.inspection import DatasetSummary, inspect
from backend.domain.disk_need import DiskNeed, disk_need
from backend.domain.disk_room import megabytes
from backend.domain.errors import ModelNotFound
from backend.domain.memory_fit import Fit, Forecasting, device_words, memory_words, range_words
from backend.domain.preflight import Finding, PreflightReport, Severity
from backend.domain.run_config import HUB_ID, RunConfig
from backend.errors import StudioError
from backend.recipes import Grpo
from backend.services.errors import (
    DatasetRemarks,
    DatasetRowsBroken,
    DiskAlmostFull,
    DiskTight,
    FolderTakenAsHubId,
    MemoryShort,
    MemoryTight,
    PackageMissing,
)
from backend.store.base_model_facts import model_folder
from backend.store.weight_shapes import weight_shapes
from config.catalog import DEMO_MODEL, base_models


class Preflight:
    """Looks at data, model, disk and packages. `free_bytes` measures the disk that holds a folder."""

    def __init__(
        self,
        workspace: Path,
        free_bytes: Callable[[Path], int],
        installed_version: Callable[[str], str | None],
        *,
        min_free_bytes: int = 0,
        log_max_bytes: int = 0,
        forecast: Callable[[RunConfig, Path], Forecasting] = lambda _config, _base: Forecasting(),
    ) -> None:
        self._workspace = workspace
        self._free_bytes = free_bytes
        self._installed_version = installed_version
        self.min_free_bytes = min_free_bytes
        self.log_max_bytes = log_max_bytes
        self._forecast = forecast

    def check(self, config: RunConfig, base: Path) -> PreflightReport:
        """Everything that can be known without torch; relative paths are relative to `base`."""
        findings: list[Finding] = []
        summary = self._dataset(config, base, findings)
        free, need = self._free_bytes(self._workspace), self._need(config, base)
        wrong = (*self._model(config, base), *self._recipe(config, base), *self._packages(config))
        findings.extend(Finding(Severity.ERROR, found.explain()) for found in wrong)
        findings.extend(Finding(Severity.WARNING, found.explain()) for found in _doubt(config, base))
        findings.extend(self._disk(free, need))
        findings.extend(Finding(Severity.WARNING, found.explain()) for found in self._memory(config, base))
        return PreflightReport(
            findings=tuple(findings),
            num_rows=summary.num_rows if summary else None,
            format=summary.format if summary else None,
            steps_estimate=_steps(config, summary.num_train_rows) if summary else None,
            free_bytes=free,
            needed_bytes=need.total_bytes + self.min_free_bytes,
        )

    def _dataset(self, config: RunConfig, base: Path, findings: list[Finding]) -> DatasetSummary | None:
        try:
            summary = inspect(config.dataset, base, kinds=config.recipe.reads, seed=config.training.seed)
        except DatasetElsewhere as error:
            findings.append(Finding(Severity.WARNING, error.explain()))
            return None
        except StudioError as error:
            findings.append(Finding(Severity.ERROR, error.explain()))
            return None
        if summary.num_problems:
            rows = "; ".join(map(str, summary.problems[:5]))
            broken = DatasetRowsBroken(path=summary.path.name, count=summary.num_problems, rows=rows)
            findings.append(Finding(Severity.ERROR, broken.explain()))
        elif not summary.num_train_rows:
            empty = DatasetEmpty(path=summary.path.name, reason="every row is held out for validation")
            findings.append(Finding(Severity.ERROR, empty.explain()))
        if summary.remarks:
            noticed = DatasetRemarks(path=summary.path.name, remarks="; ".join(map(str, summary.remarks)))
            findings.append(Finding(Severity.WARNING, noticed.explain()))
        return summary

    def _recipe(self, config: RunConfig, base: Path) -> Iterator[StudioError]:
        """The file of a Python reward, which nobody runs without consent to its bytes."""
        if isinstance(config.recipe, Grpo) and config.recipe.rewards.python is not None:
            try:
                config.recipe.rewards.python.trusted_source(base)
            except StudioError as error:
                yield error

    def _model(self, config: RunConfig, base: Path) -> Iterator[StudioError]:
        path = config.base_model.path
        if path == DEMO_MODEL:
            return
        folder = model_folder(path, base)
        if folder is not None:
            if not (folder / "config.json").is_file():
                yield ModelNotFound(path=path, why="The folder has no config.json.")
            elif not any(folder.glob("*.safetensors")):
                yield ModelNotFound(path=path, why="The folder has no .safetensors weights.")
        elif not HUB_ID.match(path):
            yield ModelNotFound(path=path, why="There is no such folder, and it is no hub id.")

    def _need(self, config: RunConfig, base: Path) -> DiskNeed:
        """What the run may write, as far as the base model's shapes or its number of parameters are known."""
        path = config.base_model.path
        folder = None if path == DEMO_MODEL else model_folder(path, base)
        known = {model.id: model.parameters or 0 for model in base_models()}
        shapes = weight_shapes(folder) if folder else {}
        return disk_need(config, shapes, known.get(path, 0), self.log_max_bytes)

    def _disk(self, free: int, need: DiskNeed) -> Iterator[Finding]:
        """ERROR if the first checkpoints would not fit, WARNING if not all that is expected does."""
        figures = {
            "folder": self._workspace,
            "free": megabytes(free),
            "checkpoint": megabytes(need.checkpoint_bytes),
            "count": need.num_checkpoints,
            "log": megabytes(need.log_bytes),
            "floor": megabytes(self.min_free_bytes),
        }
        if free < need.least_bytes + self.min_free_bytes:
            needed = megabytes(need.least_bytes + self.min_free_bytes)
            yield Finding(Severity.ERROR, DiskAlmostFull(**figures, needed=needed).explain())
        elif free < need.total_bytes + self.min_free_bytes:
            needed = megabytes(need.total_bytes + self.min_free_bytes)
            yield Finding(Severity.WARNING, DiskTight(**figures, needed=needed).explain())

    def _memory(self, config: RunConfig, base: Path) -> Iterator[StudioError]:
        """As far as a forecast is known already: an estimate keeps nobody from starting."""
        known = self._forecast(config, base)
        if known.forecast is None or known.room_bytes is None:
            return
        figures = {
            "range": range_words(known.forecast),
            "room": memory_words(known.room_bytes),
            "place": device_words(known.forecast.device),
            "sources": "; ".join(known.forecast.sources),
        }
        if known.fit is Fit.HARDLY:
            yield MemoryShort(**figures)
        elif known.fit is Fit.PERHAPS:
            yield MemoryTight(**figures)

    def _packages(self, config: RunConfig) -> Iterator[StudioError]:
        names = ["torch", "transformers", "peft", "accelerate"]
        if config.quantization.name != "none":
            names.append("bitsandbytes")
        if not {"sft", "pretrain"} & set(config.recipe.lineage()):
            names.append("trl")
        for name in names:
            if self._installed_version(name) is None:
                reason = f"training {config.recipe.name} with {config.method.name} needs it"
                command = f"pip install -c constraints.txt {name}"
                yield PackageMissing(package=name, reason=reason, command=command)


def _doubt(config: RunConfig, base: Path) -> Iterator[StudioError]:
    """A path like models/mine is a hub id too; it is meant as a folder where models/ exists."""
    path = config.base_model.path
    if HUB_ID.match(path) and model_folder(path, base) is None and (base / path).parent.is_dir():
        yield FolderTakenAsHubId(path=path, folder=base / path)


def _steps(config: RunConfig, num_train_rows: int) -> int:
    """Optimizer steps on one device: rows of an epoch / rows per step, rounded up per epoch."""
    training = config.training
    if training.max_steps is not None:
        return training.max_steps
    batches = math.ceil(num_train_rows / training.batch_size)
    return math.ceil(math.ceil(batches / training.gradient_accumulation) * training.epochs)
