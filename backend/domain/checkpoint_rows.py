"""The checkpoints of a run as a person looks through them: sizes, marks, what was measured there. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

import numpy as np

from backend.domain.curves import Series
from backend.domain.metric_goals import Goal
from backend.domain.run import Run
from backend.domain.run_results import Point
from backend.domain.states import RunState


@dataclass(frozen=True, slots=True)
class FoundCheckpoint:
    """A checkpoint-N folder. `is_sealed`: it has its manifest, which is written last.

    `freed_bytes` leaves out what forks share with it by hard links.
    """

    step: int
    path: Path
    size_bytes: int
    freed_bytes: int
    written_at: datetime
    is_sealed: bool


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """One with what was measured at or before its step. `refusal` says why it is kept; "" if it may be deleted."""

    found: FoundCheckpoint
    is_last: bool = False
    is_best: bool = False
    metrics: Mapping[str, Point] = field(default_factory=lambda: MappingProxyType({}))
    refusal: str = ""

    @property
    def step(self) -> int:
        """Its step."""
        return self.found.step


def checkpoint_rows(
    run: Run,
    found: Sequence[FoundCheckpoint],
    series: Mapping[str, Series],
    metric: str,
    goal: Goal,
    *,
    is_at_work: bool,
) -> tuple[CheckpointRow, ...]:
    """Newest first. `metric` with its `goal` decides about the best; unfinished ones are neither best nor last."""
    ordered = sorted(found, key=lambda one: -one.step)
    sealed = [one for one in ordered if one.is_sealed]
    measured = {one.step: measured_at(series, one.step) for one in ordered}
    best = best_step({one.step: measured[one.step].get(metric) for one in sealed}, goal)
    return tuple(
        CheckpointRow(
            found=one,
            is_last=bool(sealed) and one.step == sealed[0].step,
            is_best=one.is_sealed and one.step == best,
            metrics=measured[one.step],
            refusal=refusal(run, one, sealed, is_at_work=is_at_work),
        )
        for one in ordered
    )


def refusal(run: Run, one: FoundCheckpoint, sealed: Sequence[FoundCheckpoint], *, is_at_work: bool) -> str:
    """Why a checkpoint is kept, in a sentence; "" if it may go."""
    if is_at_work:
        return "The run is at work, and its trainer looks after its checkpoints. Stop or pause it first."
    if may_resume(run) and one.is_sealed and len(sealed) == 1:
        return "It is the last whole checkpoint of a run that may be resumed: without it the run would begin anew."
    return ""


def may_resume(run: Run) -> bool:
    """Whether a run may still go on by itself or by a click, from where it is."""
    return run.state is not RunState.FINISHED or run.is_active


def measured_at(series: Mapping[str, Series], step: int) -> dict[str, Point]:
    """The newest point of each curve at or before a step; curves that begin later are left out."""
    found = {}
    for tag, one in series.items():
        index = int(np.searchsorted(one.steps, step, side="right")) - 1
        if index >= 0:
            found[tag] = Point(int(one.steps[index]), float(one.values[index]))
    return found


def best_step(points: Mapping[int, Point | None], goal: Goal) -> int | None:
    """The step of the best value that was measured at exactly that step; the first of equally good ones."""
    known = [(point.value, step) for step, point in sorted(points.items()) if point and point.is_finite]
    known = [(value, step) for value, step in known if (point := points[step]) and point.step == step]
    if not known or goal is Goal.UNKNOWN:
        return None
    return min(known, key=lambda item: item[0] if goal is Goal.LOWER else -item[0])[1]
