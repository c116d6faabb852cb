"""What is read of a part of a file agrees with the full reader: any events, cut anywhere, with any bytes changed."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curve_glimpses import LastPoints
from backend.domain.curve_merging import Batch
from backend.domain.curves import Curves, Series
from backend.event_files import sampling
from backend.event_files.folder import EventFolder
from backend.event_files.preview import preview
from backend.event_files.reader import EventFileReader
from backend.event_files.tail import TailReader
from tests.fakes.event_bytes import frame, restart, scalar, version, write

TAGS = ("a", "b", "eval/loss")

step_numbers = st.one_of(st.integers(0, 40), st.integers(0, 2**40))
values = st.floats(width=32, allow_nan=False)
points = st.builds(scalar, step_numbers, values, st.sampled_from(TAGS))
markers = st.builds(restart, st.integers(0, 40))
words = st.integers(0, 700).map(lambda size: b"x" * size)
event_files = st.builds(  # as a text inside of an event file, with a few bytes behind it
    lambda some, rest: b"".join(some) + rest, st.lists(st.one_of(points, markers), max_size=9), st.binary(max_size=9)
)


def _records(texts: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[bytes]]:
    framed = texts.map(lambda text: frame(bytes([0x1A, len(text) & 0x7F | 0x80, len(text) >> 7]) + text))
    return st.lists(st.one_of(points, points, points, markers, framed), max_size=60)


windows = st.tuples(st.integers(64, 3_000), st.integers(3_000, 9_000))  # the second is larger than any record


def _damaged(data: bytes, draw: st.DrawFn) -> bytes:
    """Cut somewhere, some bytes changed, or zeros behind the end."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 3))):
        if changed:
            changed[draw(st.integers(0, len(changed) - 1))] ^= draw(st.integers(1, 255))
    kept = len(changed) if draw(st.booleans()) else draw(st.integers(0, len(changed)))
    return bytes(changed[:kept]) + draw(st.sampled_from((b"", b"", bytes(3), bytes(64), b"\xff" * 20)))


@st.composite
def sound_files(draw: st.DrawFn, texts: st.SearchStrategy[bytes] = words | event_files) -> list[bytes]:
    return [version() + b"".join(some) for some in draw(st.lists(_records(texts), min_size=1, max_size=3))]


@st.composite
def damaged_files(draw: st.DrawFn, texts: st.SearchStrategy[bytes] = words | event_files) -> list[bytes]:
    return [_damaged(data, draw) for data in draw(sound_files(texts))]


def _agree(told: LastPoints, curves: Curves) -> None:
    """Nothing is told that is not so; and if nothing can be missing, nothing is."""
    ends = {tag: (int(s.steps[-1]), float(s.values[-1]), float(s.wall_times[-1])) for tag, s in curves.series.items()}
    found = {tag: (point.step, point.value, point.wall_time) for tag, point in told.points.items()}
    assert {tag: ends.get(tag) for tag in found} == found
    if told.is_complete:
        assert found == ends
        assert not told.missing


@given(damaged_files(), windows)
def test_the_tail_tells_the_last_points_of_the_full_reading(files: list[bytes], sizes: tuple[int, int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        for index, data in enumerate(files):
            write(Path(name), str(index), [data])
        curves = EventFolder(Path(name)).read()
        _agree(TailReader(*sizes).of_folder(Path(name)), curves)
        _agree(TailReader(*sizes).of_folder(Path(name), known=TAGS), curves)
        _agree(TailReader().of_folder(Path(name)), curves)


@given(sound_files(), st.integers(100, 2_000))
def test_with_room_to_grow_every_known_tag_is_found(files: list[bytes], first: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        for index, data in enumerate(files):
            write(Path(name), str(index), [data])
        told = TailReader(first).of_folder(Path(name), known=TAGS)
        curves = EventFolder(Path(name)).read()
        assert told.points.keys() == curves.series.keys()
        assert not told.missing


@given(damaged_files(), st.integers(2, 40))
def test_a_preview_of_small_files_is_the_full_reading(files: list[bytes], num_reads: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        for index, data in enumerate(files):
            write(Path(name), str(index), [data])
        curves = EventFolder(Path(name)).read()
        told = preview(Path(name), num_reads)
        assert told.share == 1.0
        assert _rows(told.series) == _rows(curves.series)


@given(damaged_files(words), st.integers(2, 40), st.integers(40, 700))
def test_a_preview_shows_points_that_were_written_with_rising_steps(
    files: list[bytes], num_reads: int, read_bytes: int
) -> None:
    """Also with reads so short that hardly a record fits, and where they meet damage."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampling, "MAX_WHOLE_BYTES", 0)
        patch.setattr(sampling, "READ_BYTES", (read_bytes, 8 * read_bytes))
        written = set()
        for index, data in enumerate(files):
            path = write(Path(name), str(index), [data])
            written |= {point for batch in EventFileReader(path).read() for point in _written(batch)}
        told = preview(Path(name), num_reads)
        assert 0 <= told.share <= 1
        for tag, series in told.series.items():
            assert (series.steps[1:] > series.steps[:-1]).all()
            rows = zip(series.steps.tolist(), series.values.tolist(), series.wall_times.tolist(), strict=True)
            assert {(tag, *row) for row in rows} <= written


def _rows(series: Mapping[str, Series]) -> dict[str, list[tuple[int, float, float]]]:
    return {
        tag: list(zip(one.steps.tolist(), one.values.tolist(), one.wall_times.tolist(), strict=True))
        for tag, one in series.items()
    }


def _written(batch: Batch) -> Iterator[tuple[str, int, float, float]]:
    for tag, some in batch.points.items():
        for row in zip(some.steps.tolist(), some.values.tolist(), some.wall_times.tolist(), strict=True):
            yield tag, *row
