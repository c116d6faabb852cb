"""What readers learn from one file and use for the next."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from backend.domain.curve_merging import Stretch
from backend.event_files.folder import EventFolder
from backend.event_files.learned import learned
from backend.event_files.reader import EventFileReader
from backend.event_files.strand import Strand
from tests.fakes.event_bytes import append, as_told_by_tensorboard, as_we_tell, scalar, version, write


def _records(kind: int) -> list[bytes]:
    """Files of a few kinds that begin with equal records, and go on with others."""
    tags = ["a", "b", "c", "d"][: 1 + kind % 4]
    return [version(), *(scalar(step, kind + step / 8, tag) for step in range(200 + kind) for tag in tags)]


def test_files_that_begin_alike_are_told_apart(tmp_path: Path) -> None:
    for kind in (0, 3, 1, 2, 3, 0, 2):
        path = write(tmp_path / str(kind), "1", _records(kind))
        assert as_we_tell(EventFolder(path.parent).read()) == as_told_by_tensorboard(path.parent)


def test_threads_that_read_many_files_at_once_find_what_one_finds(tmp_path: Path) -> None:
    folders = [write(tmp_path / str(kind), "1", _records(kind)).parent for kind in range(40)]
    expected = [as_we_tell(EventFolder(folder).read()) for folder in folders]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda folder: as_we_tell(EventFolder(folder).read()), folders * 3))
    assert found == expected * 3


def test_a_file_with_too_many_kinds_of_records_takes_no_room_from_others(tmp_path: Path) -> None:
    before = learned()
    path = write(tmp_path / "full", "1", [scalar(1, 0.5, f"{index:05d}") for index in range(9_000)])
    list(EventFileReader(path).read())
    assert learned() is not before
    other = write(tmp_path / "other", "1", _records(3))
    assert as_we_tell(EventFolder(other.parent).read()) == as_told_by_tensorboard(other.parent)


def test_a_file_that_begins_with_known_records_tells_its_first_wall_time(tmp_path: Path) -> None:
    for name, first in (("a", 5.0), ("b", 7.0)):
        records = [scalar(step, 0.5, tag, wall_time=first + step) for step in range(100) for tag in "xy"]
        reader = EventFileReader(write(tmp_path / name, "1", records))
        list(reader.read())
        assert reader.started_at == first


def test_two_readers_in_turns_do_not_share_a_buffer(tmp_path: Path) -> None:
    readers = [EventFileReader(write(tmp_path / str(kind), "1", _records(kind))) for kind in (0, 3)]
    alone = [list(EventFileReader(tmp_path / str(kind) / "events.out.tfevents.1").read()) for kind in (0, 3)]
    in_turns = list(zip(*(reader.read() for reader in readers), strict=False))
    for found, expected in zip(in_turns[0], (one[0] for one in alone), strict=True):
        assert {tag: one.values.tolist() for tag, one in found.points.items()} == {
            tag: one.values.tolist() for tag, one in expected.points.items()
        }


def test_points_that_were_taken_over_are_never_written_to() -> None:
    steps, values, times = np.arange(10), np.arange(10.0), np.arange(10.0)
    strand = Strand()
    strand.follow(Stretch(steps, values, times, 0, first=0))
    before = strand.snapshot()
    strand.cut(5)
    strand.follow(Stretch(np.array([5, 6]), np.array([50.0, 60.0]), np.array([0.0, 0.0]), 5, first=5))
    assert values.tolist() == np.arange(10.0).tolist()
    assert before.values.tolist() == np.arange(10.0).tolist()
    assert strand.snapshot().values.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 50.0, 60.0]


def test_a_file_grows_behind_points_that_were_taken_over(tmp_path: Path) -> None:
    path = write(tmp_path, "1", _records(1))
    folder = EventFolder(tmp_path)
    first = folder.read()
    before = as_we_tell(first)
    for step in range(300, 310):
        append(path, scalar(step, 1.0, "a") + scalar(step, 2.0, "b"))
        assert as_we_tell(folder.read()) == as_told_by_tensorboard(tmp_path)
    assert as_we_tell(first) == before
