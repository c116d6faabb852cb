"""What must hold for any event file: nothing raises, and how a file is read changes nothing of what is read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from backend.domain.curves import Curves
from backend.event_files.folder import EventFolder
from backend.event_files.reader import EventFileReader
from scripts.fuzzing.inputs import Input

NAME = "events.out.tfevents.1"
MAX_GROWTH_BYTES = 64 * 1024**2  # beside three times the file


def check(given: Input, folder: Path) -> Curves:
    """Read a file in all ways, in a folder of its own. Raises AssertionError, or what the reader raises."""
    path = folder / NAME
    path.write_bytes(given.data)
    whole = EventFolder(folder).read()
    check_curves(whole, len(given.data))
    small = list(_rows(EventFileReader(path, block_bytes=given.block_bytes)))
    large = list(_rows(EventFileReader(path)))
    if given.block_bytes > len(given.data):
        assert small == large, "another size of blocks reads other points"
    growing = EventFolder(folder)
    for cut in given.cuts:
        path.write_bytes(given.data[:cut])
        growing.read()
    path.write_bytes(given.data)
    growing.read()
    return whole


def check_curves(curves: Curves, num_bytes: int) -> None:
    """Steps rise, arrays fit one another, damage lies in the file and does not overlap."""
    for one in curves.series.values():
        assert len(one.steps) == len(one.values) == len(one.wall_times)
        assert bool(np.all(one.steps[1:] > one.steps[:-1])), "steps do not rise"
    before = -1
    for damage in curves.damage:
        assert before < damage.first_byte <= damage.last_byte < num_bytes, "damage outside of the file, or twice"
        before = damage.last_byte


def _rows(reader: EventFileReader) -> Iterator[tuple[str, int, bytes, bytes]]:
    for batch in reader.read():
        for tag, points in sorted(batch.points.items()):
            for step, value, moment in zip(points.steps, points.values, points.wall_times, strict=True):
                yield tag, int(step), value.tobytes(), moment.tobytes()
