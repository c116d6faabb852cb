"""Measures the steps of a Hugging Face Trainer or a descendant, the same way in every program.

Written for any Python 3.11 environment with torch and transformers: nothing of PEFT Studio is imported.
"""

import ctypes
import gc
import hashlib
import json
import os
import resource
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import torch
import transformers
from transformers import TrainerCallback

ENV_RESULT = "PEFT_STUDIO_BENCH_RESULT"
ENV_WARM_UP = "PEFT_STUDIO_BENCH_WARM_UP"
LAST_MARK = 2  # <pad>, <bos>, <eos>; see material.py


def install(trainer: ModuleType) -> None:
    """Give every Trainer that will be made the probe, and count what its micro-batches hold."""
    probe = Probe(Path(os.environ[ENV_RESULT]), int(os.environ.get(ENV_WARM_UP, "1")))
    trainer.DEFAULT_CALLBACKS.append(probe)
    fetch = trainer.Trainer.get_batch_samples

    def fetch_and_count(self: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - Hugging Face's
        fetched = fetch(self, *args, **options)
        probe.count(fetched[0])
        return fetched

    trainer.Trainer.get_batch_samples = fetch_and_count


class Probe(TrainerCallback):
    """Notes wall time, CPU time, tokens and loss of each step, and the peak memory; writes them at the end.

    A step goes from the end of the one before to its own end, so that fetching, logging and saving belong to it.
    The steps that warm up are left out of the times by the reader; peak memory is that of all steps.
    """

    def __init__(self, result: Path, warm_up: int) -> None:
        self._result = result
        self._warm_up = warm_up
        self._tokens = 0
        self._marks: list[dict[str, float]] = []
        self._losses: list[float] = []
        self._batches: list[str] = []
        self._before = 0
        self._cuda_peak = 0

    def count(self, batches: list[Any]) -> None:
        """Tokens of the micro-batches of a step without padding, and a hash that tells steps of other rows apart.

        PEFT Studio does not feed the last token of a row, which only has to be predicted, and says itself how long
        its rows are; the reader compares that with the others.
        """
        found = []
        for micro in (micro for batch in batches for micro in batch.get("micro_batches", [batch])):
            ids, mask = micro["input_ids"], micro.get("attention_mask")
            is_rectangle = mask is not None and mask.shape == ids.shape
            real = ids[mask.bool()] if is_rectangle else ids.flatten()
            self._tokens += int(micro.get("num_tokens", real.numel()))
            found.append(real[real > LAST_MARK].cpu().to(torch.int64))
        step = torch.sort(torch.cat(found)).values if found else torch.zeros(0)
        self._batches.append(hashlib.sha256(step.numpy().tobytes()).hexdigest()[:12])

    def on_train_begin(self, *_: object, **__: object) -> None:
        """Give back what loading left over, then measure from here."""
        gc.collect()
        _trim()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self._before = torch.cuda.memory_allocated()
        else:
            _forget_peak()
            self._before = psutil.Process().memory_info().rss
        self._mark()

    def on_step_end(self, args: object, state: Any, *_: object, **__: object) -> None:  # noqa: ANN401, ARG002
        """One more step is done. The GPU is waited for only where the measured time begins and ends."""
        if torch.cuda.is_available():
            self._cuda_peak = max(self._cuda_peak, torch.cuda.max_memory_allocated())
            if state.global_step in {self._warm_up, state.max_steps}:
                torch.cuda.synchronize()
        self._mark()

    def on_log(self, *_: object, logs: dict[str, Any] | None = None, **__: object) -> None:
        """Some trainers log their loss as text."""
        if logs and "loss" in logs:
            self._losses.append(float(logs["loss"]))

    def on_train_end(self, args: Any, *_: object, **__: object) -> None:  # noqa: ANN401 - Hugging Face's
        """Write it all down."""
        peak = self._cuda_peak if torch.cuda.is_available() else _peak_bytes()
        found = {
            "marks": self._marks,
            "warm_up": self._warm_up,
            "losses": self._losses,
            "batches": self._batches,
            "before_bytes": self._before,
            "peak_bytes": peak,
            "optimizer": str(getattr(args.optim, "value", args.optim)),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
            "threads": torch.get_num_threads(),
            "libraries": f"torch {torch.__version__}, transformers {transformers.__version__}",
        }
        self._result.write_text(json.dumps(found), encoding="utf-8")

    def _mark(self) -> None:
        self._marks.append(self._now())

    def _now(self) -> dict[str, float]:
        return {"wall": time.perf_counter(), "cpu": cpu_seconds(), "tokens": self._tokens}


def cpu_seconds() -> float:
    """User and system time of this process, its ended children and its living ones."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    total = own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def _trim() -> None:
    """Hand freed memory back to the system, so that it does not count as used before."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return


def _forget_peak() -> None:
    """Linux forgets the highest resident size so far; elsewhere it counts from the process's start."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def _peak_bytes() -> int:
    """The highest resident size since `_forget_peak`."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        unit = 1 if os.uname().sysname == "Darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
