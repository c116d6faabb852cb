"""How much memory a run will take: what is asked, what is answered, and in which parts. Pure."""

from enum import StrEnum

from pydantic import Field

from backend.domain.run_config import RunConfig
from backend.spec import Frozen


class MemoryPart(StrEnum):
    """What memory goes to at the moment of the peak."""

    WEIGHTS = "weights"
    ADAPTER = "adapter"
    GRADIENTS = "gradients"
    OPTIMIZER = "optimizer"
    ACTIVATIONS = "activations"
    LOGITS = "logits"
    FRAMEWORK = "framework"
    MARGIN = "margin"


class Basis(StrEnum):
    """From what a forecast was made; each is worth more than the one before."""

    TRACED = "traced"
    CALIBRATED = "calibrated"
    MEASURED = "measured"


class MemoryOrder(Frozen):
    """What the forecasting program is asked.

    `folder` is what relative paths are relative to. `longest_tokens` is the length of the longest row after
    cutting; None where it is not known, which means `training.max_length`.
    """

    folder: str
    config: RunConfig
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda)$")
    longest_tokens: int | None = Field(default=None, ge=1)


class MemoryTrace(Frozen):
    """What the trace of one optimizer step on the meta device found: bytes of tensors, before any calibration.

    `parts` are those alive at the moment of the peak; they add up to `peak_bytes`. `steady_bytes` is what lives
    between two steps (weights, adapter, optimizer). `rows` and `tokens` are the shape of the largest micro-batch.
    `phase` says when the peak is: loading, step, evaluating, saving. `is_scaled`: one layer stood for all like it.
    `phases` are the most of each phase, the highest of them `peak_bytes`; a process may take more in another one.
    `saves_midway`: a step is taken while a checkpoint is written, and is in the phase of saving.
    `micro_batches` are those of the step that was traced; two stand for more.
    `large_bytes` is, by phase, what of a step's tensors is in blocks so large that no heap is extended for them.
    """

    parts: dict[MemoryPart, int]
    peak_bytes: int
    steady_bytes: int
    phase: str
    rows: int
    tokens: int
    is_scaled: bool
    num_operations: int
    seconds: float
    phases: dict[str, int] = Field(default_factory=dict)
    saves_midway: bool = False
    large_bytes: dict[str, int] = Field(default_factory=dict)
    micro_batches: int = 1


class MemoryForecast(Frozen):
    """The peak of one trainer process on one device, as a range of bytes above a bare interpreter.

    `parts` add up to `likely_bytes`. `sources` are sentences that say from what the figures come.
    """

    device: str
    parts: dict[MemoryPart, int]
    low_bytes: int
    likely_bytes: int
    high_bytes: int
    basis: Basis
    sources: tuple[str, ...]
    trace: MemoryTrace | None = None
