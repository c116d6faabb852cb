"""What the trainer does beside training, timed inside a real attempt.

Two runs of a noisy machine cannot show a difference of 2 %, so the parts are timed in the very run that they belong to.
Usage inside: python -m scripts.benchmarks.training.accounting RUN_DIR RESULT
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

SAVE_STEPS = 50  # the default of run.yaml; the run under the clock saves more often and the cost is divided


@dataclass(frozen=True, slots=True)
class Accounts:
    """Seconds of the clock on the wall, of one attempt."""

    step_seconds: float
    seconds_per_step: float
    seconds_per_checkpoint: float

    @property
    def share(self) -> float:
        """Heartbeat, scalars, log and a checkpoint every 50 steps, as a share of the bare step."""
        per_step = self.seconds_per_step + self.seconds_per_checkpoint / SAVE_STEPS
        return per_step / (self.step_seconds - self.seconds_per_step)


class Clock:
    """Adds up the seconds spent in functions; what is called inside another timed function counts once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self._depth = 0

    def time(self, name: str, owner: Any, attribute: str) -> None:  # noqa: ANN401 - any class
        """Replace a method by one that is timed."""
        inner: Callable[..., Any] = getattr(owner, attribute)

        def timed(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - any signature
            if self._depth:
                return inner(*args, **options)
            self._depth += 1
            began = time.perf_counter()
            try:
                return inner(*args, **options)
            finally:
                self._depth -= 1
                self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
                self.calls[name] = self.calls.get(name, 0) + 1

        setattr(owner, attribute, timed)


def train_timed(run_dir: str, result: Path) -> int:
    """The real trainer program with a clock on everything that a bare loop would not do."""
    import backend.trainer.__main__ as program  # noqa: PLC0415 - imports much
    from backend.trainer.callbacks import Rhythm, Vitals  # noqa: PLC0415
    from backend.trainer.loop import StudioLoop  # noqa: PLC0415

    clock = Clock()
    for owner, attribute in (
        (Vitals, "on_step_end"),
        (Vitals, "on_substep_end"),
        (Rhythm, "on_step_end"),
        (StudioLoop, "log"),
    ):
        clock.time("steps", owner, attribute)
    clock.time("checkpoints", StudioLoop, "_save_checkpoint")
    code = program.main([run_dir])
    result.write_text(json.dumps({"seconds": clock.seconds, "calls": clock.calls}), encoding="utf-8")
    return code


def read_accounts(marks: Sequence[Mapping[str, float]], clock: Mapping[str, Mapping[str, float]]) -> Accounts:
    """From the probe's marks at the end of steps and the clock of the same attempt.

    A checkpoint lies between two marks; the median step is one without.
    """
    durations = [after["wall"] - before["wall"] for before, after in pairwise(marks)][1:]
    return Accounts(
        step_seconds=statistics.median_low(durations),
        seconds_per_step=clock["seconds"]["steps"] / (len(marks) - 1),
        seconds_per_checkpoint=clock["seconds"]["checkpoints"] / clock["calls"]["checkpoints"],
    )


if __name__ == "__main__":
    sys.exit(train_timed(sys.argv[1], Path(sys.argv[2])))
