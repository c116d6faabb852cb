"""What must hold for any event file: nothing raises, and how a file is read changes nothing of what is read."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from backend.domain.curves import Curves
from backend.event_files import reader
from backend.event_files.folder import EventFolder
from backend.event_files.preview import preview
from backend.event_files.reader import EventFileReader
from backend.event_files.tail import TailReader
from scripts.fuzzing.inputs import Input

NAME = "events.out.tfevents.1"

Told = Mapping[str, tuple[bytes, bytes, bytes]]


def check(given: Input, folder: Path) -> Curves:
    """Read a file in all ways, in a folder of its own. Raises AssertionError, or what the reader raises."""
    path = folder / NAME
    path.write_bytes(given.data)
    whole = EventFolder(folder).read()
    check_curves(whole, len(given.data))
    in_blocks = EventFileReader(path, block_bytes=given.block_bytes)
    num_points = sum(len(points.steps) for batch in in_blocks.read() for points in batch.points.values())
    at_once = sum(len(points.steps) for batch in EventFileReader(path).read() for points in batch.points.values())
    growing = EventFolder(folder)
    for cut in given.cuts:
        path.write_bytes(given.data[:cut])
        check_curves(growing.read(), cut)
    path.write_bytes(given.data)
    grown = growing.read()
    if not whole.damage:
        assert num_points == at_once, "another size of blocks reads other points"
        assert told(grown) == told(whole), "a file that grew reads differently"
    check_glimpses(folder, whole)
    check_trusting(folder, whole)
    return whole


def check_trusting(folder: Path, whole: Curves) -> None:
    """As in large files, only the end is verified while reading; the verification makes it what it should be."""
    kept, reader._TAIL_BYTES = reader._TAIL_BYTES, 128
    try:
        trusting = EventFolder(folder)
        first = trusting.read()
        check_curves(first, (folder / NAME).stat().st_size)
        if not whole.damage:
            assert told(first) == told(whole), "reading without checksums reads other points"
        verified = trusting.verify()
        assert told(verified) == told(whole), "verification does not lead to what is right"
        assert told(trusting.read()) == told(whole), "what was verified changes"
    finally:
        reader._TAIL_BYTES = kept


def check_glimpses(folder: Path, whole: Curves) -> None:
    """What is read of the ends and here and there agrees with the whole."""
    last = TailReader(window_bytes=256, max_window_bytes=2_048).of_folder(folder)
    some = preview(folder, num_reads=4)
    assert some.series.keys() <= whole.series.keys() or whole.damage, "a preview of tags that nobody wrote"
    for tag, point in last.points.items():
        series = whole.series.get(tag)
        assert series is not None or whole.damage, "a last point of a tag that is not there"
        if series is not None and not whole.damage:
            assert point.step == series.steps[-1], "another last step"
            assert np.array_equal(
                [point.value, point.wall_time], [series.values[-1], series.wall_times[-1]], equal_nan=True
            )
    if last.is_complete and not whole.damage:
        assert set(last.points) == set(whole.series), "a whole reading from the end lacks tags"


def told(curves: Curves) -> Told:
    """Everything read, to be compared bit by bit: a NaN equals itself."""
    return {
        tag: (one.steps.tobytes(), one.values.tobytes(), one.wall_times.tobytes()) for tag, one in curves.series.items()
    }


def check_curves(curves: Curves, num_bytes: int) -> None:
    """Steps rise, arrays fit one another, damage lies in the file and does not overlap."""
    for one in curves.series.values():
        assert len(one.steps) == len(one.values) == len(one.wall_times)
        assert bool(np.all(one.steps[1:] > one.steps[:-1])), "steps do not rise"
    before = -1
    for damage in curves.damage:
        assert before < damage.first_byte <= damage.last_byte < num_bytes, "damage outside of the file, or twice"
        before = damage.last_byte
