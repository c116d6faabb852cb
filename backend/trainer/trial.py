"""Three real steps on the longest batch of a run, for what they take of the memory."""

import secrets
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.domain.memory_record import MemoryRecord
from backend.domain.memory_steps import STEPS, StepsOrder, of_three_steps
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.recipes import Grpo
from backend.trainer.attempt import OwnAttempt
from backend.trainer.errors import MeasuringStopped, memory_error
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.loop import StudioLoop
from backend.trainer.memory_watch import MemoryWatch
from backend.trainer.one_answer import Say
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.programs import RecipeProgram, program_of
from backend.trainer.saving import Saver
from backend.trainer.snapshot import Snapshot
from backend.trainer.stop import StopFlag, StopRequested
from backend.trainer.training import train


class StepsDone(Exception):
    """Enough was trained."""


def measure(order: StepsOrder, say: Say, stop: StopFlag) -> MemoryRecord:
    """Train, and tell what it took. Raises StudioError, OutOfMemory and MeasuringStopped among them."""
    run = RunDirectory(Path(order.folder))
    run.logs.mkdir(exist_ok=True)
    memory = MemoryWatch()
    attempt = OwnAttempt(run, 1, secrets.token_hex(8))
    heartbeat = HeartbeatWriter(run.heartbeat, token=attempt.token, attempt=1)
    teller = _Teller(memory, say)
    heartbeat.told = teller.beat
    config = of_three_steps(order.config)
    try:
        train(Work(attempt, config, heartbeat, stop, memory), lambda recipe: LongestBatch(program_of(recipe), config))
    except StepsDone:
        memory.write(is_last=True)
        return memory.record()
    except StopRequested as error:
        raise MeasuringStopped from error
    except Exception as error:
        known = memory_error(error, heartbeat.last.step)
        if known is None:
            raise
        raise known from error
    raise AssertionError("training ends by the last step that is wanted")


class _Teller:
    """Hears of each sign of life: the watch first, then whoever waits; ends the training after the last step."""

    def __init__(self, memory: MemoryWatch, say: Say) -> None:
        self._memory = memory
        self._say = say
        self._said = ""

    def beat(self, phase: Phase, step: int) -> None:
        """As HeartbeatWriter tells it."""
        self._memory.beat(phase, step)
        said = f"step {min(STEPS, step + 1)} of {STEPS}" if phase is Phase.TRAINING else phase.value
        if said != self._said:
            self._said = said
            self._say(said)
        if phase is Phase.TRAINING and step >= STEPS:
            raise StepsDone


class LongestBatch:
    """The program of a recipe over the rows of one step only, the longest ones; nothing is evaluated or written."""

    def __init__(self, program: RecipeProgram, config: RunConfig) -> None:
        self._program = program
        self._num_rows = rows_of_a_step(config)

    def rows(self, work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
        """As the recipe makes them."""
        return Rows(longest(self._program.rows(work, dataset, tokenizer).train, self._num_rows), ())

    def loop(self, parts: Parts) -> StudioLoop:
        """The recipe's own."""
        loop = self._program.loop(parts)
        loop.use_saver(Unsaved(parts.desk.attempt, parts.desk.events, parts.desk.keep_checkpoints))
        return loop


class Unsaved(Saver):
    """Holds the copies for a checkpoint as long as writing it could take, and writes nothing."""

    def save(self, snapshot: Snapshot, waiting: object) -> None:  # noqa: ARG002
        """Keep them until the next ones."""
        self._held = snapshot


def rows_of_a_step(config: RunConfig) -> int:
    """Rows of the dataset that make up an optimizer step; a prompt that is answered several times is one row."""
    size, recipe = config.training.effective_batch_size, config.recipe
    return max(1, size // recipe.num_generations) if isinstance(recipe, Grpo) else size


def longest(rows: Sequence[Any], count: int) -> list[Any]:
    """So many of the longest rows, in their order."""
    lengths = getattr(rows, "lengths", None)
    sizes = np.asarray(lengths if lengths is not None else [size_of(row) for row in rows])
    chosen = np.argsort(-sizes, kind="stable")[:count]
    return [rows[int(index)] for index in islice(sorted(chosen), count)]


def size_of(row: Mapping[str, Any]) -> int:
    """Tokens of a row: its prompt with its longest answer. A prompt that is not in tokens yet: its characters."""
    if isinstance(row.get("prompt"), list):
        return sum(len(turn["content"]) for turn in row["prompt"])
    sizes = {name: len(ids) for name, ids in row.items() if name.endswith("_ids")}
    prompt = sizes.pop("prompt_ids", 0)
    return prompt + max(sizes.values(), default=0)
