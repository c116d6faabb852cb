"""A browser's side of the curve feed: reads the wire and keeps the points of each line, as board.js does."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.domain.board_lines import Points
from backend.domain.curves import Numbers
from backend.services.curve_feed import CurveFeed, LinePart
from backend.services.feed_wire import HAS_BAND, HAS_COUNTS, HAS_RAW, HAS_STEPS, HEAD, IS_WIDE, PART, encoded

COLUMNS = ("steps", "x", "y", "raw", "low", "high", "num_sources")


@dataclass
class Viewer:
    """Points by place in the board: (chart, line)."""

    lines: dict[tuple[int, int], Points] = field(default_factory=dict)
    totals: dict[tuple[int, int], int] = field(default_factory=dict)
    num_bytes: int = 0

    def take(self, feed: CurveFeed) -> list[LinePart]:
        """Hear the news over the wire; the parts that came."""
        came: list[LinePart] = []
        for parts, _ in feed.news():
            message = encoded(parts, 7)
            self.num_bytes += len(message) if parts else 0
            question, heard = decoded(message)
            assert question == 7
            came += heard
        for part in came:
            place = part.chart, part.line
            self.lines[place] = _joined(self.lines.get(place), part)
            self.totals[place] = part.num_total
        return came


def _joined(old: Points | None, part: LinePart) -> Points:
    if old is None or part.replaces_from is None:
        assert part.replaces_from is None, "a line begins with all of its points"
        return part.points
    kept = old.at(slice(0, int(np.searchsorted(old.x, part.replaces_from, side="left"))))
    return Points(*(_both(getattr(kept, name), getattr(part.points, name)) for name in COLUMNS))


def _both(one: Numbers | None, other: Numbers | None) -> Numbers | None:
    return None if one is None or other is None else np.concatenate([one, other])


def decoded(message: bytes) -> tuple[int, list[LinePart]]:
    """The question, and the parts of a message, in double precision."""
    version, _, num_parts, question = HEAD.unpack_from(message)
    assert version == 1
    at, parts = HEAD.size, []
    for _ in range(num_parts):
        part, at = _part(message, at)
        parts.append(part)
    assert at == len(message)
    return question, parts


def _part(message: bytes, at: int) -> tuple[LinePart, int]:
    chart, line, flags, num_ghosts, _, length, total, replaces_from = PART.unpack_from(message, at)
    at += PART.size

    def column(form: str, size: int = length) -> Numbers:
        nonlocal at
        kind = np.dtype(form)
        found = np.frombuffer(message, kind, size, at).astype(np.float64)
        at += size * kind.itemsize
        return found

    form = "<f8" if flags & IS_WIDE else "<f4"
    x = column("<f8")
    steps = column("<f8") if flags & HAS_STEPS else x
    y = column(form)
    raw = column(form) if flags & HAS_RAW else None
    low, high = (column(form), column(form)) if flags & HAS_BAND else (None, None)
    counts = column("<f4") if flags & HAS_COUNTS else None
    ghosts = []
    for _ in range(num_ghosts):
        (size,) = struct.unpack_from("<I", message, at)
        at += 4
        ghosts.append((column("<f8", size), column("<f4", size)))
    points = Points(steps, x, y, raw, low, high, counts)
    return LinePart(chart, line, points, total, None if np.isnan(replaces_from) else replaces_from, tuple(ghosts)), at


def same(one: Points, other: Points) -> bool:
    """Whether all columns are equal, but for rounding to single precision."""
    pairs: Sequence[tuple[Numbers | None, Numbers | None]] = [
        (getattr(one, name), getattr(other, name)) for name in COLUMNS
    ]
    return all(
        (a is None and b is None)
        or (a is not None and b is not None and a.shape == b.shape and np.allclose(a, b, 1e-5, 1e-6, equal_nan=True))
        for a, b in pairs
    )
