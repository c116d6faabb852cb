"""What an attempt works with, and what a training loop is put together from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerBase

from backend.domain.heartbeat import Phase
from backend.domain.run_config import RunConfig
from backend.trainer.adapted import Adapted
from backend.trainer.attempt import OwnAttempt
from backend.trainer.callbacks import Rhythm
from backend.trainer.curves import EventFile
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.memory_watch import MemoryWatch
from backend.trainer.progress import Progress
from backend.trainer.stop import StopFlag
from backend.trainer.system import SystemCurves
from backend.trainer.watching import Watcher


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, where to say how far it is, and whether to stop."""

    attempt: OwnAttempt
    config: RunConfig
    heartbeat: HeartbeatWriter
    stop: StopFlag
    memory: MemoryWatch = field(default_factory=MemoryWatch)

    def begin(self, phase: Phase, detail: str) -> None:
        """Say what comes next, unless somebody asked to stop. Raises StopRequested."""
        self.stop.check()
        self.heartbeat.beat(phase, detail=detail)

    def report(self, phase: Phase, share: float, detail: str) -> None:
        """Say how far it is, from 0 to 1. Raises StopRequested."""
        self.stop.check()
        self.heartbeat.beat(phase, detail=detail, phase_progress=share)


@dataclass(frozen=True, slots=True)
class Rows:
    """The dataset as a recipe's loop takes it: token ids, or a `datasets.Dataset` for the recipes on trl."""

    train: Sequence[Any]
    validation: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Desk:
    """What the loop writes to, the flag that it looks at, and who looks on.

    `protected` names steps whose checkpoints are kept beyond `keep_checkpoints`. `system` reads the machine,
    `memory` what we take of it.
    """

    attempt: OwnAttempt
    heartbeat: HeartbeatWriter
    events: EventFile
    rhythm: Rhythm
    stop: StopFlag
    keep_checkpoints: int
    watchers: tuple[Watcher, ...] = ()
    protected: Callable[[], frozenset[int]] = frozenset
    system: SystemCurves = field(default_factory=SystemCurves)
    memory: MemoryWatch = field(default_factory=MemoryWatch)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything a loop needs. `arguments` are keyword arguments of TrainingArguments and its descendants."""

    config: RunConfig
    adapted: Adapted
    tokenizer: PreTrainedTokenizerBase
    arguments: dict[str, Any]
    rows: Rows
    progress: Progress
    desk: Desk
