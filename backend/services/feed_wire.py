"""The bytes in which parts of lines travel to the browser: a short head, then columns.

Little endian throughout, nothing aligned. A message is `u8 version, u8 0, u16 number of parts, u32 question`, then
the parts: `u16 chart, u16 line, u8 flags, u8 number of ghosts, u16 0, u32 points, u32 total, f64 replaces_from`
(NaN: everything), then the columns that the flags name, in this order: x f64; steps f64; y, raw, low, high f32, or
f64 where wide; num_sources f32. A ghost is `u32 points`, x f64, y f32. app/assets/board/wire.js reads it.
"""

import struct
from collections.abc import Sequence
from typing import Final

import numpy as np

from backend.domain.board_lines import Points
from backend.domain.curves import Numbers
from backend.services.curve_feed import LinePart

VERSION: Final = 1
HEAD = struct.Struct("<BBHI")
PART = struct.Struct("<HHBBHIId")
HAS_STEPS, HAS_RAW, HAS_BAND, HAS_COUNTS, IS_WIDE = 1, 2, 4, 8, 16


def encoded(parts: Sequence[LinePart], question: int) -> bytes:
    """One message with these parts, in answer to the question of this number."""
    return b"".join((HEAD.pack(VERSION, 0, len(parts), question), *map(_part, parts)))


def _part(part: LinePart) -> bytes:
    points, flags = part.points, _flags(part.points)
    replaces = float("nan") if part.replaces_from is None else part.replaces_from
    head = PART.pack(part.chart, part.line, flags, len(part.ghosts), 0, len(points), part.num_total, replaces)
    form = "<f8" if flags & IS_WIDE else "<f4"
    columns = [_bytes(points.x, "<f8")]
    if flags & HAS_STEPS:
        columns.append(_bytes(points.steps, "<f8"))
    drawn = (points.y, points.raw, points.low, points.high)
    columns += [_bytes(column, form) for column in drawn if column is not None]
    if points.num_sources is not None:
        columns.append(_bytes(points.num_sources, "<f4"))
    ghosts = [struct.pack("<I", len(x)) + _bytes(x, "<f8") + _bytes(y, "<f4") for x, y in part.ghosts]
    return b"".join((head, *columns, *ghosts))


def _flags(points: Points) -> int:
    flags = 0 if np.array_equal(points.steps, points.x) else HAS_STEPS
    flags |= HAS_RAW if points.raw is not None else 0
    flags |= HAS_BAND if points.low is not None and points.high is not None else 0
    flags |= HAS_COUNTS if points.num_sources is not None else 0
    written = points.y if points.raw is None else points.raw
    return flags if _fits(written) else flags | IS_WIDE


def _fits(values: Numbers) -> bool:
    """Whether single precision says the same, as it does of what most writers wrote."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array_equal(values.astype(np.float32).astype(np.float64), values, equal_nan=True)


def _bytes(values: Numbers, form: str) -> bytes:
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(form).tobytes()
