"""What can go wrong while training, and which foreign exceptions mean it."""

import errno
import re
import shutil
from pathlib import Path

from backend.errors import (
    Action,
    ConfigurationError,
    DataError,
    StorageError,
    TrainingError,
)

_HOST_MEMORY = re.compile(
    r"DefaultCPUAllocator|std::bad_alloc|Cannot allocate memory|DataLoader worker .*killed by signal: Killed"
)
NEARLY_FULL_BYTES = 16 * 1024 * 1024  # a heuristic: writers that hide ENOSPC leave at most one buffer free


class RunConfigInvalid(ConfigurationError):
    """run.yaml is missing, is no YAML, or is no RunConfig."""

    id = "run-config-invalid"
    what = "{path} is not a valid run configuration."
    why = "{why}"
    fix = "Correct the file; its keys are explained on the Train page and in docs/reference/run-config.md."


class PrecisionUnsupported(ConfigurationError):
    """A number format that this machine cannot train in."""

    id = "precision-unsupported"
    what = "This machine cannot train in {precision}."
    why = "{why}"
    fix = 'Set training.precision to "auto".'


class TargetModulesUnknown(ConfigurationError):
    """The method names layers that the base model does not have."""

    id = "target-modules-unknown"
    what = "The base model has no linear layer named {unknown}."
    why = "The method's target_modules name it. Linear layers that exist: {known}."
    fix = 'Choose among the existing names, or set target_modules to "all-linear".'


class TargetPatternUnusable(ConfigurationError):
    """A regular expression for layers that is none, or that takes too long."""

    id = "target-pattern-unusable"
    what = "The target pattern {pattern} cannot be used."
    why = "{why}"
    fix = "Write a simpler pattern, such as .*[.][qv]_proj, or name the layers in target_modules."


class MemoryNotTraced(ConfigurationError):
    """A model, method or recipe does something that cannot be followed on tensors without memory."""

    id = "memory-not-traced"
    what = "How much memory the run takes could not be forecast."
    why = "{why}"
    fix = "The run itself may still be started; its first steps show what it takes."


class MethodUnsuitable(ConfigurationError):
    """peft refuses this method on this model."""

    id = "method-unsuitable"
    what = "The method {method} cannot be put onto this base model."
    why = "{why}"
    fix = "Choose another method or other target modules."


class SpeedUnsuitable(ConfigurationError):
    """A lever of speed was asked for by name, and cannot be pulled here."""

    id = "speed-unsuitable"
    what = "{setting}: {value} is not possible here."
    why = "{why}"
    fix = 'Set {setting} to "auto".'


class ChatTemplateUnsuitable(DataError):
    """The tokenizer's chat template refuses a row, or rewrites earlier turns when later ones are added."""

    id = "chat-template-unsuitable"
    what = "The chat template of the base model does not fit {row}."
    why = "{why}"
    fix = "Change the row, choose another base model, or set recipe.answers_only to false."


class RowsTooLong(DataError):
    """Nothing to learn is left of some rows after cutting."""

    id = "rows-too-long"
    what = "{count} of {total} {part} rows have nothing to learn within {max_length} tokens: {rows}."
    why = "Rows are cut at training.max_length, and what was to be learned of these lies behind the cut."
    fix = "Raise training.max_length, or shorten or remove these rows."


class PromptsTooFew(DataError):
    """Not enough prompts for a single optimizer step."""

    id = "prompts-too-few"
    what = "There are {has} prompts to train on, and one step needs {needed}."
    why = "A step takes training.batch_size x gradient_accumulation / recipe.num_generations different prompts."
    fix = "Lower training.batch_size or gradient_accumulation, raise recipe.num_generations, or add prompts."


class AnswersMissing(DataError):
    """The exact reward has nothing to compare with."""

    id = "answers-missing"
    what = "{count} of {total} prompts have no answer that the exact reward could compare with."
    why = "The reward compares what the model writes with the answer column of the dataset."
    fix = "Add the answers (a column answer, or dataset.columns.answer), or leave recipe.rewards.exact out."


class RewardFailed(TrainingError):
    """A person's own reward function did not do its work."""

    id = "reward-failed"
    what = "The reward file {path} failed."
    why = "{why}"
    fix = "It must define reward(prompts, completions, answers), three lists of texts, and return as many numbers."


class DatasetChanged(DataError):
    """The dataset is not the one that the checkpoint was trained on."""

    id = "dataset-changed"
    what = "The dataset has changed since step {step} of this run."
    why = "A run can only go on exactly on the rows that it began with."
    fix = "Put the old file back, or start a new run with the new one."


class AttemptSuperseded(StorageError):
    """Another attempt owns the run now; nothing may be written any more."""

    id = "attempt-superseded"
    what = "Attempt {number} no longer owns this run; it stops without writing."
    why = "The token in {fence} is another attempt's."
    fix = "Nothing is to be done: the newer attempt goes on."


class DiskFull(StorageError):
    """The disk has no room for what had to be written."""

    id = "disk-full"
    action = Action.OPEN_MACHINE
    what = "The disk is full: {name} could not be written."
    why = "No space left on device: {folder} has {free_bytes:,} bytes free. Earlier checkpoints are untouched."
    fix = "Free some space, then resume the run; it goes on from its last checkpoint."


class NotWritten(StorageError):
    """A checkpoint or result could not be written, for another reason than a full disk."""

    id = "not-written"
    what = "{name} could not be written to {folder}."
    why = "{why}"
    fix = "Check that the folder exists and may be written, then resume the run."


class LossNotFinite(TrainingError):
    """The loss or its gradient is not a number, or infinite."""

    id = "loss-not-finite"
    what = "The {quantity} is {value} at step {step}."
    why = "Training has diverged: the learning rate is too high, a row is degenerate, or the precision too low.{rows}"
    fix = "Resume will meet it again: start a new run with a lower learning rate or another precision."


class ProcessLost(TrainingError):
    """One of several processes died without saying why."""

    id = "process-lost"
    what = "Process {rank} of {count} ended {how} at step {step}."
    why = "It could not say why: the system or somebody killed it, or a compiled library crashed. All others ended too."
    fix = "Resume the run; it goes on from its last checkpoint. If it repeats, look for a lack of memory."


class LaunchFailed(TrainingError):
    """accelerate could not start the processes."""

    id = "launch-failed"
    what = "The processes of this run could not be started."
    why = "{why}"
    fix = "Read the end of the attempt's log; with devices.processes: 1 the run needs no launcher."


class DevicesMissing(ConfigurationError):
    """More processes than GPUs."""

    id = "devices-missing"
    what = "This run wants {processes} GPUs and may use {num_gpus}."
    why = "Each process needs a GPU of its own (devices.processes)."
    fix = "Set devices.processes to the number of GPUs, or let CUDA_VISIBLE_DEVICES name more of them."


class StrategyUnavailable(ConfigurationError):
    """The way to share the work out cannot be taken on this machine."""

    id = "strategy-unavailable"
    what = "devices.strategy {strategy} cannot be used on this machine."
    why = "{why}"
    fix = 'Set devices.strategy to "ddp", or to "fsdp" for a model that does not fit on one GPU.'


class GuardTripped(TrainingError):
    """A guard whose action is to roll back found something. Data: `sentence`, `good_step`, a `proposal`."""

    id = "guard-tripped"
    what = "A guard asks to roll back: {sentence}."
    why = "Training went wrong after step {good_step}, and the order says to go back then."
    fix = "If it comes again, lower the learning rate, look at the rows named, or set the guard's action to warn."


class OutOfMemory(TrainingError):
    """The machine has not enough memory for this run."""

    id = "out-of-memory"
    what = "The memory of the computer is exhausted at step {step}."
    why = "{why}"
    fix = (
        "Halve training.batch_size and double gradient_accumulation (the same result), lower max_length, "
        "switch gradient_checkpointing on, or use qlora."
    )


class GpuOutOfMemory(OutOfMemory):
    """The same of a GPU: other things help there."""

    id = "gpu-out-of-memory"
    what = "The memory of the GPU is exhausted at step {step}."


class MeasuringStopped(TrainingError):
    """Three steps that were to be measured ended early, on request."""

    id = "measuring-stopped"
    what = "The memory was not measured."
    why = "Measuring was ended before its last step."
    fix = "Measure again when you want to know."


def memory_error(error: BaseException, step: int) -> OutOfMemory | None:
    """OutOfMemory if that is what an exception of torch or Python means."""
    text = str(error).strip().partition("\n")[0]
    if type(error).__name__ == "OutOfMemoryError":
        return GpuOutOfMemory(step=step, why=text)
    is_torch = isinstance(error, RuntimeError) and _HOST_MEMORY.search(str(error)) is not None
    is_host = isinstance(error, MemoryError) or is_torch or getattr(error, "errno", None) == errno.ENOMEM
    return OutOfMemory(step=step, why=text or "Python raised MemoryError.") if is_host else None


def write_error(error: Exception, name: str, folder: Path) -> StorageError | None:
    """DiskFull or NotWritten if an exception means that writing failed, else None.

    torch reports a failed write as a RuntimeError of its zip writer ("inline_container",
    "PytorchStreamWriter") and safetensors as its own error without errno, so the free space counts as well.
    """
    text = str(error)
    is_foreign = "inline_container" in text or "PytorchStreamWriter" in text or "os error" in text
    if not isinstance(error, OSError) and not is_foreign:
        return None
    free = free_bytes(folder)
    is_full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text
    if is_full or (is_foreign and free < NEARLY_FULL_BYTES):
        return DiskFull(name=name, folder=folder, free_bytes=free)
    return NotWritten(name=name, folder=folder, why=f"{type(error).__name__}: {text.partition(chr(10))[0]}")


def free_bytes(folder: Path) -> int:
    """Bytes that an ordinary user may still write to the disk of a folder; 0 if that cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
