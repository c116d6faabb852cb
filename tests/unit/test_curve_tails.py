"""The last points of a run come from the ends of its files."""

import os
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from torch.utils.tensorboard import SummaryWriter

from backend.domain.curve_glimpses import LastPoint, LastPoints
from backend.event_files import tail_file
from backend.event_files.directories import find_runs
from backend.event_files.folder import EventFolder
from backend.event_files.record_shapes import RecordShapes
from backend.event_files.tail import MAX_WINDOW_BYTES, TailReader
from backend.event_files.wire import MalformedRecord
from tests.fakes.event_bytes import append, frame, restart, scalar, version, write


def _steps(told: LastPoints) -> dict[str, int]:
    return {tag: point.step for tag, point in told.points.items()}


def _scalars(first: int, end: int, tag: str = "loss", value: float = 1.0) -> bytes:
    return b"".join(scalar(step, value, tag) for step in range(first, end))


def test_the_last_points_of_a_large_file_cost_a_few_kilobytes(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), *(_scalars(s, s + 1) + _scalars(s, s + 1, "lr", 0.5) for s in range(5_000))])
    told = TailReader().of_folder(tmp_path)
    assert dict(told.points) == {"loss": LastPoint(4999, 1.0, 5999.0), "lr": LastPoint(4999, 0.5, 5999.0)}
    assert told.num_bytes_read < 6_000
    assert not told.is_complete
    assert not told.missing


def test_files_of_torch_are_read_in_all_styles(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as writer:
        for step in range(300):
            writer.add_scalar("loss", step / 7, step, walltime=1000.0 + step)
            writer.add_scalar("new", step / 3, step, walltime=1000.0 + step, new_style=True)
            writer.add_scalars("both", {"a": step, "b": -step}, step, walltime=1000.0 + step)
        writer.add_histogram("weights", np.arange(10.0), 300)
        writer.add_text("sample", "words", 300)
        writer.add_image("picture", np.zeros((3, 40, 40)), 300)
        writer.add_hparams({"lr": 0.5}, {"best": 1.5}, run_name="trial")
    told = TailReader().of_folder(tmp_path)
    curves = EventFolder(tmp_path).read()
    assert {tag: (p.step, p.value, p.wall_time) for tag, p in told.points.items()} == {
        tag: (s.steps[-1], s.values[-1], s.wall_times[-1]) for tag, s in curves.series.items()
    }
    assert {"loss", "new", "both_a/both", "trial/best"} <= told.points.keys()


def test_a_tag_that_is_written_rarely_is_looked_for_further_back(tmp_path: Path) -> None:
    data = [version(), scalar(0, 9.0, "eval"), _scalars(0, 1_000), scalar(1_000, 8.0, "eval"), _scalars(1_000, 2_000)]
    write(tmp_path, "1", data)
    told = TailReader().of_folder(tmp_path)
    assert (told.points["eval"], told.missing) == (LastPoint(1_000, 8.0, 2_000.0), frozenset())
    assert 4_096 < told.num_bytes_read < 300_000


def test_a_tag_that_neither_end_shows_is_found_if_it_is_known(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), _scalars(0, 1_000), scalar(1_000, 8.0, "eval"), _scalars(1_000, 2_000)])
    assert _steps(TailReader().of_folder(tmp_path)) == {"loss": 1_999}
    assert _steps(TailReader().of_folder(tmp_path, known=["eval"])) == {"loss": 1_999, "eval": 1_000}


def test_beyond_the_bound_a_tag_is_missing_not_wrong(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), scalar(0, 9.0, "eval"), scalar(0, 9.0, "gone"), _scalars(0, 1_000)])
    told = TailReader(1_000, 8_000).of_folder(tmp_path)
    assert (_steps(told), told.missing, told.is_complete) == ({"loss": 999}, {"eval", "gone"}, False)
    assert told.num_bytes_read < 30_000
    whole = TailReader(1_000, MAX_WINDOW_BYTES).of_folder(tmp_path, known=["never written"])
    assert (_steps(whole), whole.missing, whole.is_complete) == ({"eval": 0, "gone": 0, "loss": 999}, set(), True)


def test_a_restart_marker_takes_back_what_was_written_before_it(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), _scalars(0, 500), scalar(400, 4.0, "eval"), scalar(480, 4.8, "eval")])
    write(tmp_path, "2", [version(), restart(450), scalar(450, 2.0, "loss")])
    told = TailReader(200).of_folder(tmp_path)
    assert _steps(told) == {"loss": 450, "eval": 400}
    assert told.points["loss"].value == 2.0


def test_an_older_file_is_not_believed_before_the_newer_one_was_read_to_its_start(tmp_path: Path) -> None:
    """In the unread part there may be a marker, or later points of the tag."""
    write(tmp_path, "1", [version(), scalar(480, 4.8, "eval")])
    write(tmp_path, "2", [version(), *(_scalars(0, 400),), restart(100), scalar(100, 1.0, "eval"), _scalars(100, 900)])
    told = TailReader(500, 2_000).of_folder(tmp_path)
    assert (_steps(told), told.missing) == ({"loss": 899}, {"eval"})
    assert _steps(TailReader(500).of_folder(tmp_path)) == {"loss": 899, "eval": 100}


def test_of_files_of_one_second_the_one_that_began_later_counts(tmp_path: Path) -> None:
    write(tmp_path, "5.h.10000.0", [scalar(1, 2.0, wall_time=5.9)])
    write(tmp_path, "5.h.9999.0", [scalar(1, 1.0, wall_time=5.1)])
    assert TailReader().of_folder(tmp_path).points["train/loss"].value == 2.0


@pytest.mark.parametrize("rest", [b"", bytes(64), scalar(9_999, 5.0)[:-1], scalar(9_999, 5.0)[:5], b"\xff" * 50])
def test_what_a_crash_leaves_at_the_end_hides_nothing_before_it(tmp_path: Path, rest: bytes) -> None:
    write(tmp_path, "1", [version(), _scalars(0, 2_000), rest])
    told = TailReader().of_folder(tmp_path)
    assert told.points["loss"] == LastPoint(1_999, 1.0, 2_999.0)


def test_a_damaged_last_record_gives_the_one_before(tmp_path: Path) -> None:
    last = bytearray(scalar(2_000, 7.0, "loss"))
    last[-6] ^= 1
    write(tmp_path, "1", [version(), _scalars(0, 2_000), bytes(last)])
    assert _steps(TailReader().of_folder(tmp_path)) == {"loss": 1_999}


def test_a_record_larger_than_the_window_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), _scalars(0, 10), frame(b"\x1a\x90\x4e" + b"x" * 10_000)])
    assert _steps(TailReader(512).of_folder(tmp_path)) == {"loss": 9}


def test_what_is_no_readable_file_says_nothing(tmp_path: Path) -> None:
    assert dict(TailReader().of_folder(tmp_path / "nothing").points) == {}
    os.mkfifo(tmp_path / "events.out.tfevents.1")
    told = TailReader().of_files(tmp_path, ["events.out.tfevents.1"])
    assert (dict(told.points), told.is_complete) == ({}, False)
    told = TailReader().of_files(tmp_path, ["events.out.tfevents.2"])
    assert (dict(told.points), told.is_complete) == ({}, False)
    write(tmp_path, "3", [])
    told = TailReader().of_files(tmp_path, ["events.out.tfevents.3"])
    assert (dict(told.points), told.is_complete) == ({}, True)


def test_a_file_that_vanishes_while_it_is_looked_at_gives_no_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "1", [version(), _scalars(0, 1_000)])
    opened = tail_file.open_file
    monkeypatch.setattr(tail_file, "open_file", lambda p: opened(p) if path.exists() else None)
    reader = TailReader(512)
    monkeypatch.setattr(tail_file.TailFile, "tags", lambda self: path.unlink() or {"other"})
    told = reader.of_files(path.parent, [path.name])
    assert (dict(told.points), told.missing, told.is_complete) == ({}, {"other"}, False)


def test_found_runs_are_read_each_by_its_own_files(tmp_path: Path) -> None:
    write(tmp_path / "a", "1", [version(), scalar(1, 1.0)])
    path = write(tmp_path / "a" / "b", "1", [version(), scalar(2, 1.0)])
    (tmp_path / "a" / "events.out.tfevents.0").symlink_to(path)
    reader = TailReader()
    told = {run.name: _steps(reader.of_files(run.folder, run.files)) for run in find_runs(tmp_path).runs}
    assert told == {"a": {"train/loss": 1}, "a/b": {"train/loss": 2}}


def test_nested_folders_are_prefixes_as_in_the_full_reading(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), scalar(1, 1.0, "loss"), scalar(5, 1.0, "sub/loss")])
    write(tmp_path / "sub", "2", [version(), scalar(2, 1.0, "loss"), scalar(4, 1.0, "lr")])
    told = TailReader().of_folder(tmp_path, known=["sub/lr", "loss"])
    assert _steps(told) == {"loss": 1, "sub/loss": 5, "sub//loss": 2, "sub/lr": 4}


def test_a_growing_file_is_followed(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), _scalars(0, 300)])
    reader = TailReader()
    assert _steps(reader.of_files(path.parent, [path.name])) == {"loss": 299}
    append(path, scalar(300, 1.0, "loss"))
    assert _steps(reader.of_files(path.parent, [path.name])) == {"loss": 300}


def test_several_values_in_one_record_are_told_by_the_last_of_each_tag(tmp_path: Path) -> None:
    values = [Summary.Value(tag=tag, simple_value=value) for tag, value in (("a", 1.0), ("b", 2.0), ("a", 3.0))]
    record = frame(Event(step=3, wall_time=4.0, summary=Summary(value=values)).SerializeToString())
    write(tmp_path, "1", [version(), record])
    told = TailReader().of_folder(tmp_path).points
    assert dict(told) == {"a": LastPoint(3, 3.0, 4.0), "b": LastPoint(3, 2.0, 4.0)}


def test_many_old_files_of_a_run_are_not_all_read_for_one_lost_tag(tmp_path: Path) -> None:
    for number in range(40):
        write(tmp_path, str(number), [version(), _scalars(number * 200, number * 200 + 200)])
    told = TailReader(500, 2_000).of_folder(tmp_path, known=["never written"])
    assert (_steps(told), told.missing, told.is_complete) == ({"loss": 40 * 200 - 1}, {"never written"}, False)
    assert told.num_bytes_read < 40 * 1_600 + 8 * 2_000


@pytest.mark.parametrize("behind", [b"", b" and words", b"!"])
@pytest.mark.parametrize("num_later", [0, 3])
def test_an_event_file_inside_of_a_text_is_no_curve(tmp_path: Path, behind: bytes, num_later: int) -> None:
    """Even if the window begins in the middle of it."""
    text = _scalars(0, 50, "loss", 99.0) + _scalars(0, 5, "inner") + behind
    record = frame(b"\x1a" + bytes([len(text) & 0x7F | 0x80, len(text) >> 7]) + text)
    write(tmp_path, "1", [version(), _scalars(0, 3_000), record, _scalars(3_000, 3_000 + num_later)])
    told = TailReader(512).of_folder(tmp_path)
    assert dict(told.points) == {"loss": LastPoint(2_999 + num_later, 1.0, 3_999.0 + num_later)}


def test_a_record_that_differs_only_in_how_long_its_step_is_is_not_taken_for_one_of_a_known_shape() -> None:
    value = Summary.Value(tag="abc", simple_value=1.0)
    alike = Event(wall_time=1.0, step=129, summary=Summary(value=[value])).SerializeToString()
    at = alike.index(b"\x10\x81\x01\x2a")
    other = alike[: at + 1] + b"\x01\x48" + alike[at + 3 :]  # now a step of 1, field 9 = 42, and wire type 4
    shapes = RecordShapes()
    known = shapes.event(alike)
    assert shapes.event(alike.replace(b"\x10\x81\x01", b"\x10\x85\x02")) is known
    with pytest.raises(MalformedRecord):
        shapes.event(other)
