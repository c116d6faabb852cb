"""Marks: short words for what a part of a page shows now, by which the server notices that it shows something else."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.acts import TensorBoardActs, tensorboard_acts
from backend.domain.queue import is_held
from backend.domain.run_directory import RunDirectory
from backend.domain.run_view import RunView
from backend.domain.tensorboard_page import Stage
from backend.services.bundle import Services
from backend.services.shown_curves import Shown

READING = "reading"  # of the queue: the settings of runs are shown, too


class MarkKind(StrEnum):
    """The parts of pages that are watched."""

    QUEUE = "queue"
    JOBS = "jobs"
    CURVES = "curves"
    ENDINGS = "endings"


@dataclass(frozen=True, slots=True)
class Mark:
    """`text` differs when something else is to be seen; the next look is worth it after so many seconds."""

    text: str
    next_seconds: float


def mark_of(services: Services, kind: MarkKind, of: Sequence[str] = ()) -> Mark:
    """Of a part now; `of` says what of it is shown."""
    found, seconds = MARKS[kind](services, of)
    return Mark(hashlib.sha256(repr(found).encode(errors="replace")).hexdigest()[:16], seconds)


def in_queue(views: Sequence[RunView]) -> tuple[list[RunView], list[RunView]]:
    """The waiting ones in their order, and those that a person holds back.

    A run that has begun already is paused instead, also for a person; it is none that is held back.
    """
    waiting = sorted((view for view in views if view.queue_position), key=lambda view: view.queue_position or 0)
    return waiting, [view for view in views if is_held(view.run) and not view.run.attempts]


def tensorboard_of(services: Services, shown: Sequence[Shown]) -> TensorBoardActs:
    """TensorBoard over the sources that are shown, by their labels."""
    folders = {
        one.source.label: RunDirectory(one.run.run_dir).tensorboard
        if one.run
        else services.sources.folder(one.source.id)
        for one in shown
    }
    return tensorboard_acts(services, folders)


def _queue(services: Services, of: Sequence[str]) -> tuple[object, float]:
    views = services.status.list()
    waiting, held = in_queue(views)
    num_left = services.facts.known(views).num_left if READING in of else 0
    rows = [(view.id, view.name, view.run.message, view.run.priority) for view in (*waiting, *held)]
    return (rows, len(waiting), num_left), 2.0


def _jobs(services: Services, _of: Sequence[str]) -> tuple[object, float]:
    running = services.dataset_desk.jobs.running()
    return [(str(key), job.said, round(job.share or 0, 2)) for key, job in running], 0.5


def _curves(services: Services, of: Sequence[str]) -> tuple[object, float]:
    """Tags, records, states, marks and damage: everything but points, which come by themselves."""
    shown, missing = services.shown.look(of)
    stage = tensorboard_of(services, shown).showing().stage  # asking keeps one that is looked at alive
    seen = [
        (one.source.id, one.source.label, sorted(one.source.tags), one.source.marks, one.run and one.run.state)
        for one in shown
    ]
    records = [
        (one.curves.damage, {tag: len(other.places) for tag, other in one.curves.others.items()}) for one in shown
    ]
    return (seen, records, [one.id for one in missing], stage), 0.5 if stage is Stage.STARTING else 5.0


def _endings(services: Services, _of: Sequence[str]) -> tuple[object, float]:
    return sorted(view.id for view in services.status.active()), 2.0


MARKS: Mapping[MarkKind, Callable[[Services, Sequence[str]], tuple[object, float]]] = {
    MarkKind.QUEUE: _queue,
    MarkKind.JOBS: _jobs,
    MarkKind.CURVES: _curves,
    MarkKind.ENDINGS: _endings,
}
