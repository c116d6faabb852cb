"""How much memory an attempt really takes, phase by phase; a later forecast learns from it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from backend.domain.heartbeat import Phase
from backend.domain.memory_record import MemoryRecord
from backend.executors.own_memory import (
    c_library,
    own_heap,
    own_high_water,
    own_resident,
    reset_high_water,
    return_freed,
)
from backend.store.files import replace_text
from backend.trainer import ranks
from backend.trainer.loading_peak import LoadingPeak
from backend.trainer.say import say

NAMES = {
    Phase.TRAINING: "step",
    Phase.EVALUATING: "evaluating",
    Phase.SAVING: "saving",
    Phase.ENDING: "saving",
}
PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes")
EARLY_STEPS = 3  # then the record is written for the first time: a killed attempt leaves one too
MATRIX = 2  # dimensions
NO_TOKENS = ("position_ids", "token_type_ids")


@dataclass
class Peaks:
    """The highest by phase."""

    phases: dict[str, int] = field(default_factory=dict)

    def saw(self, phase: str, size: int) -> None:
        """One reading."""
        self.phases[phase] = max(size, self.phases.get(phase, 0))

    @property
    def highest(self) -> int:
        """Of all phases."""
        return max(self.phases.values(), default=0)


class MemoryWatch:
    """Reads the kernel's high-water mark when a phase ends and after the first steps, and resets it: microseconds.

    Created when everything is imported. On a GPU the allocator's own peaks count, and the resident memory beside them.
    Nothing here may end a run: what cannot be read is left out.
    """

    def __init__(self, path: Path | None = None, attempt: int = 1) -> None:
        self._path = path
        self._attempt = attempt
        self._has_gpu = torch.cuda.is_available()
        self._host, self._reserved, self._allocated = Peaks(), Peaks(), Peaks()
        self._phase = ""
        self._imports = own_resident()
        self._baseline = 0
        self._is_begun = self._is_exact = False
        self._loading: LoadingPeak | None = None
        self._model: dict[str, Any] = {}
        self._shape = (0, 0)
        self._first_step: int | None = None
        self._step = 0
        self._written = 0

    @contextmanager
    def loading(self) -> Iterator[None]:
        """All is imported and read; within, the base model is loaded and made ready."""
        return_freed()
        self._is_exact = reset_high_water()
        self._baseline = own_resident()
        self._phase, self._is_begun = "loading", True
        if self._has_gpu:
            self._baseline = torch.cuda.memory_reserved()
            torch.cuda.reset_peak_memory_stats()
        self._loading = LoadingPeak() if self._is_exact else None
        try:
            yield
        finally:
            self._read()

    def know(self, model: nn.Module, precision: str) -> None:
        """What is trained."""
        sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
        self._model = {
            "model_type": str(getattr(getattr(model, "config", None), "model_type", "")),
            "precision": precision,
            "parameters": sum(size for size, _ in sizes),
            "trained_parameters": sum(size for size, is_trained in sizes if is_trained),
        }

    def beat(self, phase: Phase, step: int) -> None:
        """A sign of life: called for each step, and when a phase begins."""
        if not self._is_begun:
            return
        name = NAMES.get(phase, self._phase)
        if name == "step":
            self._first_step = step if self._first_step is None else self._first_step
            self._step = max(self._step, step)
        is_early = name == self._phase == "step" and step - (self._first_step or 0) == EARLY_STEPS
        if name != self._phase or is_early or not self._is_exact:
            self._read()
            self._phase = name
            if is_early or name != "step":
                self.write()

    def micro_batch(self, inputs: Mapping[str, Any]) -> None:
        """One micro-batch was trained."""
        rows, tokens = shape_of(inputs)
        if tokens > self._shape[1]:
            self._shape = (rows, tokens)

    def peak_tensor_bytes(self) -> dict[str, float]:
        """The most that tensors took since the last call on this process's GPU, by tag; begins anew."""
        if not self._has_gpu:
            return {}
        most = torch.cuda.max_memory_allocated()
        self._read_gpu()
        return {f"gpu/{torch.cuda.current_device()}/peak_tensor_bytes": float(most)}

    def write(self, *, is_last: bool = False) -> None:
        """Replace the file if there is more to say than it says."""
        if is_last and self._is_begun:
            self._read()
        most = self._host.highest + self._reserved.highest
        if self._path is None or not self._is_begun or not ranks.is_first() or (most <= self._written and not is_last):
            return
        try:
            self._path.parent.mkdir(exist_ok=True)
            replace_text(self._path, self.record().model_dump_json(indent=1))
        except (OSError, RuntimeError, ValueError) as error:
            say(f"what the attempt took of the memory could not be written: {error}")
            return
        self._written = most

    def record(self) -> MemoryRecord:
        """What is known so far."""
        peaks = self._reserved if self._has_gpu else self._host
        how = "high-water mark" if self._is_exact else "sampled"
        gpu: dict[str, Any] = {}
        if self._has_gpu:
            gpu = {"allocated_bytes": self._allocated.highest, "host_peak_bytes": self._host.highest}
            how, gpu["device_name"] = "allocator", torch.cuda.get_device_name()
        return MemoryRecord(
            attempt=self._attempt,
            device="cuda" if self._has_gpu else "cpu",
            how=how,
            imports_bytes=self._imports,
            baseline_bytes=self._baseline,
            peak_bytes=peaks.highest,
            phases=dict(peaks.phases),
            rows=self._shape[0],
            tokens=self._shape[1],
            steps=self._step - (self._first_step or 0),
            processes=ranks.count(),
            threads=torch.get_num_threads(),
            versions=versions(),
            heap=own_heap(),
            **gpu,
            **self._model,
        )

    def _read(self) -> None:
        size = (own_high_water() if self._is_exact else None) or own_resident()
        if self._loading is not None:
            size = min(size, self._loading.end() or size)
            self._loading = None
        self._host.saw(self._phase, size)
        if self._is_exact:
            reset_high_water()
        if self._has_gpu:
            self._read_gpu()

    def _read_gpu(self) -> None:
        self._allocated.saw(self._phase, torch.cuda.max_memory_allocated())
        self._reserved.saw(self._phase, torch.cuda.max_memory_reserved())
        torch.cuda.reset_peak_memory_stats()


def shape_of(inputs: Mapping[str, Any]) -> tuple[int, int]:
    """Sequences of a micro-batch as the model reads it, and all their tokens with padding; (0, 0) if there are none.

    A prompt with its written answers is one sequence each; of two answers beside one another both count.
    """
    ids = {
        name: value
        for name, value in inputs.items()
        if name.endswith("_ids") and name not in NO_TOKENS and isinstance(value, torch.Tensor) and value.ndim == MATRIX
    }
    tokens = sum(value.numel() for value in ids.values())
    if "row_lengths" in inputs:
        return len(inputs["row_lengths"]), tokens
    answers = {name: value for name, value in ids.items() if not name.startswith("prompt")}
    return sum(value.shape[0] for value in (answers or ids).values()), tokens


def versions() -> dict[str, str]:
    """Of what memory depends on, as far as it is installed; the C library by its name."""
    name, _, number = c_library().partition(" ")
    found = {name: number} if number else {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
