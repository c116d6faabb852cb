"""Columns: what the records of one block say, collected per tag in the order of the file."""

import math

import numpy as np

from backend.domain.curve_merging import Batch, Found, Points, Restart
from backend.domain.curves import MAX_TAGS, Steps
from backend.event_files.decoding import Decoded
from backend.event_files.layouts import Layout
from backend.event_files.rows import Rows, Run
from backend.event_files.templates import Data

Single = tuple[int, int, float, float]  # position, step, value, wall time


class Columns:
    """Pieces are added in the order of the file; `tags` grows up to MAX_TAGS, points of others are counted."""

    def __init__(self, tags: set[str]) -> None:
        self._tags = tags
        self._pieces: dict[str, list[Points]] = {}
        self._singles: dict[str, list[Single]] = {}
        self._restarts: list[Restart] = []
        self._others: list[Found] = []
        self._num_ignored = 0
        self._rows: Rows | None = None  # what was added last, if that were runs
        self.first_wall_time: float | None = None

    def add_record(self, layout: Layout, record: bytes, position: int) -> None:
        """One record; `position` is the byte of the file at which it begins."""
        event = layout.event
        step, wall_time = event.step(record), event.wall_time(record)
        if self.first_wall_time is None:
            self.first_wall_time = _finite(wall_time)
        if event.scalars:
            self._end_rows()
        for scalar in event.scalars:
            if self.wants(scalar.tag, 1):
                single = position, step, scalar.number.read(record), wall_time
                self._singles.setdefault(scalar.tag, []).append(single)
        self._num_ignored += event.num_ignored
        if event.is_restart:
            self._restarts.append(Restart(position, step))
        for tag, kind in event.others:
            self._others.append(Found(tag, kind, position, len(record), step, wall_time))

    def add_run(self, run: Run, data: Data, base: int) -> None:
        """Some periods of a template in data, which begins at a byte of the file and is read until `batch`."""
        if self.first_wall_time is None:
            self.first_wall_time = _finite(run.template.wall_time(data, run.at))
        if self._rows is None or not self._rows.takes(run):
            self._end_rows()
            self._rows = Rows(data, base)
        self._rows.add(run)

    def _end_rows(self) -> None:
        """Decode the runs that were added last."""
        if self._rows is not None:
            rows, self._rows = self._rows, None
            for tag, points in rows.points().items():
                if self.wants(tag, len(points.steps)):
                    self.add_points(tag, points)

    def add_points(self, tag: str, points: Points) -> None:
        """Points behind all that were added to this tag."""
        self._end_rows()
        self._flush(tag)
        self._pieces.setdefault(tag, []).append(points)

    def add_decoded(self, decoded: Decoded) -> None:
        """What the general path found behind everything that was added; its tags are wanted."""
        for tag, points in decoded.points.items():
            self.add_points(tag, points)
        self._restarts += decoded.restarts
        self._others += decoded.others
        self._num_ignored += decoded.num_ignored_points

    def wants(self, tag: str, num_points: int) -> bool:
        """Whether points of a tag are kept; if not they are counted."""
        if tag in self._tags:
            return True
        if len(self._tags) < MAX_TAGS:
            self._tags.add(tag)
            return True
        self._num_ignored += num_points
        return False

    def batch(self) -> Batch:
        """Everything that was added."""
        self._end_rows()
        for tag in self._singles:
            self._flush(tag)
        points = {tag: joined(pieces) for tag, pieces in self._pieces.items()}
        return Batch(points, tuple(self._restarts), num_ignored_points=self._num_ignored, others=tuple(self._others))

    def _flush(self, tag: str) -> None:
        singles = self._singles.get(tag)
        if singles:
            self._singles[tag] = []
            self._pieces.setdefault(tag, []).append(as_points(singles))


def _finite(wall_time: float) -> float:
    return wall_time if math.isfinite(wall_time) else 0.0


def as_points(singles: list[Single]) -> Points:
    """Single points as arrays."""
    positions, steps, values, wall_times = zip(*singles, strict=True)
    return Points(
        np.array(positions, np.int64),
        np.array(steps, np.int64),
        np.array(values, np.float64),
        np.array(wall_times, np.float64),
    )


def joined(pieces: list[Points]) -> Points:
    """Pieces of one tag, in order, as one."""
    if len(pieces) == 1:
        return pieces[0]
    places: list[Steps | range] = []
    for piece in pieces:
        places += piece.places if isinstance(piece.places, tuple) else [piece.places]
    return Points(
        tuple(places),
        np.concatenate([piece.steps for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]),
        np.concatenate([piece.wall_times for piece in pieces]),
    )
