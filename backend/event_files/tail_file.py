"""TailFile: the end of one event file, read as far back as is asked for."""

import math
import os
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from backend.domain.curve_glimpses import LastPoint
from backend.event_files.event import Event
from backend.event_files.headers import Headers
from backend.event_files.listing import EventFile
from backend.event_files.record_shapes import RecordShapes
from backend.event_files.resync import Frame, first_header, is_end, is_sound, open_file, sound_chains, walk
from backend.event_files.wire import MalformedRecord

HEAD_BYTES = 1_024
_GROWTH = 8


@dataclass(slots=True)
class Window:
    """What the end of a file says: the last points that it leaves, all its tags, and the lowest restart marker.

    `cut` includes the markers that were written later, in other files. If the window `is_whole`, it begins where
    the file does.
    """

    cut: int | None
    is_whole: bool
    points: dict[str, LastPoint] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)


class TailFile:
    """`head_tags` were written first, `started_at` is the wall time of the first record, 0 if that is unknown."""

    def __init__(self, file: EventFile, headers: Headers, shapes: RecordShapes, window_bytes: int) -> None:
        self.file = file
        self._headers, self._shapes = headers, shapes
        self._num_bytes = window_bytes
        self.num_bytes_read = 0
        self.is_readable = False
        self._size, self._head, self._data = 0, b"", b""
        self._first_look: Window | None = None
        self._open()
        self.started_at, self.head_tags = self._look_at_head()

    def _open(self) -> bool:
        """Read the end again, which is longer now, and the first time the head; whether that was possible."""
        self.is_readable = False
        opened = open_file(self.file.path)
        if opened is None:
            return False
        handle, size = opened
        try:
            self._size = self._size or size
            self._data = os.pread(handle, self._num_bytes, max(0, self._size - self._num_bytes))
            if not (self._is_whole or self._head):
                self._head = os.pread(handle, HEAD_BYTES, 0)
            self.is_readable = True
        except OSError:
            self._data = b""
        finally:
            os.close(handle)
        self.num_bytes_read += len(self._data)
        return self.is_readable

    @property
    def _is_whole(self) -> bool:
        return self._num_bytes >= self._size

    def _look_at_head(self) -> tuple[float, set[str]]:
        data = self._head or self._data
        if not self.is_readable or not (self._head or self._is_whole):
            return 0.0, set()
        started_at: float | None = None
        tags: set[str] = set()
        for frame in walk(data, 0, self._headers)[0]:
            record = data[frame[0] : sum(frame)]
            try:
                event = self._shapes.event(record)
            except MalformedRecord:
                continue
            new = {scalar.tag for scalar in event.scalars} - tags
            if (new or started_at is None) and is_sound(data, frame):
                tags |= new
                started_at = event.wall_time(record) if started_at is None else started_at
        return started_at if started_at is not None and math.isfinite(started_at) else 0.0, tags

    def tags(self) -> set[str]:
        """What is known to have been written, from a first look at both ends."""
        window = self._look(None, is_final=False)
        return self.head_tags | (window.tags if window else set())

    def window(self, cut: int | None, expected: AbstractSet[str], max_bytes: int) -> Window:
        """The end of the file, at most so long, but no longer than it takes to see all expected tags."""
        while True:
            is_final = self._is_whole or self._num_bytes >= max_bytes
            window = self._look(cut, is_final=is_final)
            if window is not None and (is_final or (window.points and expected <= window.points.keys())):
                return window
            self._num_bytes = min(self._num_bytes * _GROWTH, max_bytes)
            self._first_look = None
            if not self._open():
                return Window(cut, is_whole=False)

    def _look(self, cut: int | None, *, is_final: bool) -> Window | None:
        """None if more must be seen before anything can be said."""
        if self._first_look is not None and cut is None:
            return self._first_look
        at = 0 if self._is_whole else first_header(self._data, 0, self._headers)
        frames, end = ([], -1) if at is None else walk(self._data, at, self._headers)
        window = self._points(frames, cut, is_verified=False) if end == len(self._data) else None
        if window is None:
            window = self._look_closely(cut, is_final=is_final)
        self._first_look = window if cut is None else None
        return window

    def _look_closely(self, cut: int | None, *, is_final: bool) -> Window | None:
        """The same where something is torn or damaged.

        A chain that breaks may also lie inside a larger record: a text that holds an event file.
        """
        chains = sound_chains(self._data, self._headers, is_start=self._is_whole)
        if is_final or self._is_whole:
            return self._points([frame for frames, _ in chains for frame in frames], cut, is_verified=True)
        if chains and is_end(self._data, chains[-1][1], self._headers):
            return self._points(chains[-1][0], cut, is_verified=True)
        return None

    def _points(self, frames: list[Frame], cut: int | None, *, is_verified: bool) -> Window | None:
        """Goes back over records and verifies those that say something new; None if one of them is damaged."""
        window = Window(cut, self._is_whole)
        data = self._data
        seen: dict[int, Event] = {}  # layouts of which later records were added
        for frame in reversed(frames):
            start, length = frame
            record = data[start : start + length]
            event = self._event(record)
            if id(event) in seen:
                continue
            if event is not None and _is_known(event, window):
                seen[id(event)] = event
                continue
            if not is_verified and not is_sound(data, frame):
                return None
            if event is not None:
                _add(window, event, record)
        return window

    def _event(self, record: bytes) -> Event | None:
        try:
            return self._shapes.event(record)
        except MalformedRecord:
            return None


def _is_known(event: Event, window: Window) -> bool:
    """Whether a record, if it is sound, says nothing that later ones do not say."""
    tags = [scalar.tag for scalar in event.scalars]
    return bool(tags) and not event.is_restart and window.points.keys() >= set(tags)


def _add(window: Window, event: Event, record: bytes) -> None:
    step = event.step(record)
    window.tags.update(scalar.tag for scalar in event.scalars)
    if window.cut is None or step < window.cut:
        for scalar in reversed(event.scalars):
            if scalar.tag not in window.points:
                window.points[scalar.tag] = LastPoint(step, scalar.number.read(record), event.wall_time(record))
    if event.is_restart:
        window.cut = step if window.cut is None else min(window.cut, step)
