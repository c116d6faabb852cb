"""MergedTag: one tag of several files as one curve, kept up to date without copying what did not change."""

import operator
from collections.abc import Sequence

from backend.domain.curve_merging import MAX_GHOSTS, Piece, Stretch, num_kept
from backend.domain.curves import Series
from backend.event_files.strand import Strand

_NOTHING = Strand().snapshot()


class MergedTag:
    """The series, the ghosts and the repeats of a tag over the strands of its files, in the order of writing."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self._joined: Strand | None = None  # of several files with points; one file needs no copy
        self._parts: list[tuple[Strand, int, int]] = []  # strand, era, number of points
        self._seen: list[Stretch] = []
        self.series = Series(tag, _NOTHING.steps, _NOTHING.values, _NOTHING.wall_times)
        self.ghosts: tuple[Series, ...] = ()
        self.num_repeats = 0

    @property
    def num_bytes(self) -> int:
        """The memory held beside that of the files."""
        return 0 if self._joined is None else self._joined.num_bytes

    def update(self, strands: Sequence[Strand]) -> None:
        """Take over what the strands say by now."""
        stretches = [strand.snapshot() for strand in strands]
        if len(stretches) == len(self._seen) and all(map(operator.is_, stretches, self._seen)):
            return
        self._seen = stretches
        kept = num_kept(stretches)
        parts = [(strand, strand.era, num) for strand, num in zip(strands, kept, strict=True) if num]
        if len(parts) <= 1:
            self._joined = None
            self.series = _series(self.tag, parts[0][0].snapshot() if parts else _NOTHING, parts)
        else:
            self.series = _series(self.tag, self._join(parts), [])
        self._parts = parts
        self.num_repeats = sum(strand.num_repeats for strand in strands)
        self.ghosts = tuple(_ghosts(self.tag, strands, stretches, kept))[-MAX_GHOSTS:]

    def _join(self, parts: list[tuple[Strand, int, int]]) -> Stretch:
        """Append to what was joined before, if all but the end is as it was."""
        joined, taken = self._joined, self._parts
        num = len(taken)
        is_longer = bool(
            joined is not None
            and num
            and parts[: num - 1] == taken[:-1]
            and len(parts) >= num
            and parts[num - 1][:2] == taken[-1][:2]
            and parts[num - 1][2] >= taken[-1][2]
        )
        if joined is None or not is_longer:
            joined, first, start = Strand(), 0, 0
        else:
            first, start = num - 1, taken[-1][2]
        for strand, _, end in parts[first:]:
            one = strand.snapshot()
            some = slice(start, end)
            if end > start:
                joined.follow(Stretch(one.steps[some], one.values[some], one.wall_times[some], None))
            start = 0
        self._joined = joined
        return joined.snapshot()


def _series(tag: str, stretch: Stretch, parts: Sequence[tuple[Strand, int, int]]) -> Series:
    num = parts[0][2] if parts else len(stretch.steps)
    if num == len(stretch.steps):
        return Series(tag, stretch.steps, stretch.values, stretch.wall_times)
    return Series(tag, stretch.steps[:num], stretch.values[:num], stretch.wall_times[:num])


def _ghosts(tag: str, strands: Sequence[Strand], stretches: Sequence[Stretch], kept: Sequence[int]) -> list[Series]:
    """What each file made void itself, then what later files made void of it."""
    pieces: list[Piece] = []
    for strand, stretch, num in zip(strands, stretches, kept, strict=True):
        pieces += strand.ghosts
        if num < len(stretch.steps):
            pieces.append(Piece(stretch.steps[num:], stretch.values[num:], stretch.wall_times[num:]))
    return [Series(tag, piece.steps, piece.values, piece.wall_times) for piece in pieces]
