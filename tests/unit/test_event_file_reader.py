"""Reading one event file: growing, torn, damaged, replaced."""

import os
import struct
import tracemalloc
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DataType

from backend.domain.curve_merging import Batch
from backend.domain.curves import Damage
from backend.event_files.folder import EventFolder
from backend.event_files.reader import EventFileReader
from tests.fakes.event_bytes import append, frame, points, restart, scalar, tensors, version, write

RECORDS = [version(), *(scalar(step, step / 2) for step in range(1, 8)), scalar(300, 4.0), restart(301)]
WHOLE = b"".join(RECORDS)


def _steps(batches: list[Batch]) -> list[int]:
    return [step for batch in batches for points in batch.points.values() for step in points.steps.tolist()]


def _text(data: bytes) -> TensorProto:
    return TensorProto(dtype=DataType.DT_STRING, string_val=[data])


def _starts() -> list[int]:
    return [sum(map(len, RECORDS[:count])) for count in range(len(RECORDS) + 1)]


def _expected_steps(records: list[bytes]) -> list[int]:
    steps = dict(zip(RECORDS, [None, *range(1, 8), 300, None], strict=True))
    return [step for record in records if (step := steps[record]) is not None]


def test_only_what_was_appended_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    reader = EventFileReader(path)
    first = list(reader.read())
    assert [batch.from_start for batch in first] == [True]
    assert _steps(first) == [1]
    assert list(reader.read()) == []
    append(path, scalar(2, 0.25) + restart(3))
    (second,) = reader.read()
    assert not second.from_start
    assert second.points["train/loss"].steps.tolist() == [2]
    assert second.points["train/loss"].values.tolist() == [0.25]
    assert second.points["train/loss"].positions[0] < second.restarts[0].position
    assert second.restarts[0].step == 3


def test_a_file_cut_anywhere_is_read_as_far_as_it_is_whole_and_to_its_end_later(tmp_path: Path) -> None:
    for cut in range(len(WHOLE) + 1):
        path = write(tmp_path, str(cut), [WHOLE[:cut]])
        reader = EventFileReader(path)
        whole = [record for record, end in zip(RECORDS, _starts()[1:], strict=True) if end <= cut]
        assert _steps(list(reader.read())) == _expected_steps(whole), cut
        assert reader.damage == (), cut
        append(path, WHOLE[cut:])
        assert _steps(list(reader.read())) == _expected_steps(RECORDS[len(whole) :]), cut
        assert reader.damage == (), cut


def test_one_flipped_byte_anywhere_costs_one_record_and_is_reported(tmp_path: Path) -> None:
    starts = _starts()
    for at in range(len(WHOLE)):
        hit = max(index for index, start in enumerate(starts[:-1]) if start <= at)
        broken = bytearray(WHOLE)
        broken[at] ^= 0x40
        path = write(tmp_path, str(at), [bytes(broken)])
        reader = EventFileReader(path)
        expected = Damage(path.name, starts[hit], starts[hit + 1] - 1)
        assert sorted(_steps(list(reader.read()))) == _expected_steps(RECORDS[:hit] + RECORDS[hit + 1 :]), at
        assert reader.damage == (expected,), at
        append(path, scalar(400, 1.0))
        assert _steps(list(reader.read())) == [400], at
        assert reader.damage == (expected,), at


def test_small_blocks_give_the_same_as_large_ones(tmp_path: Path) -> None:
    broken = bytearray(WHOLE * 3)
    broken[len(WHOLE) + 50] ^= 1
    path = write(tmp_path, "1", [bytes(broken)])
    readers = [EventFileReader(path, block_bytes=size) for size in (1 << 20, 200, 131, 97)]
    read = [sorted(_steps(list(reader.read()))) for reader in readers]
    assert read == [read[0]] * 4
    assert {reader.damage for reader in readers} == {readers[0].damage}
    assert len(readers[0].damage) == 1


def test_zeros_at_the_end_are_damage_until_they_are_filled(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5), bytes(64)])
    start = len(version() + scalar(1, 0.5))
    reader = EventFileReader(path)
    assert _steps(list(reader.read())) == [1]
    assert reader.damage == (Damage(path.name, start, start + 63),)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(scalar(2, 1.0) + scalar(3, 1.0))
    assert _steps(list(reader.read())) == [2, 3]
    assert reader.damage == ()


def test_points_behind_zeros_are_found(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5), bytes(5000), scalar(2, 1.0)])
    start = len(version() + scalar(1, 0.5))
    reader = EventFileReader(path, block_bytes=1024)
    assert _steps(list(reader.read())) == [1, 2]
    assert reader.damage == (Damage(path.name, start, start + 4999),)


def test_records_appended_behind_a_torn_one_are_found(tmp_path: Path) -> None:
    torn = scalar(2, 1.0)[:-9]
    path = write(tmp_path, "1", [version(), scalar(1, 0.5), torn])
    reader = EventFileReader(path)
    assert _steps(list(reader.read())) == [1]
    append(path, scalar(3, 1.0) + scalar(4, 1.0))
    assert _steps(list(reader.read())) == [3, 4]
    start = len(version() + scalar(1, 0.5))
    assert reader.damage == (Damage(path.name, start, start + len(torn) - 1),)


def test_what_a_record_that_was_being_written_seemed_to_hold_is_taken_back_once_it_is_whole(tmp_path: Path) -> None:
    """Found by fuzzing: a text may hold whole frames, such as those of another event file."""
    before, nested = version() + scalar(1, 0.5), scalar(7, 9.0)
    whole = before + tensors(2, {"text": _text(nested * 3)}) + scalar(3, 1.0)
    for cut in range(len(before), len(whole)):
        folder = tmp_path / str(cut)
        path = write(folder, "1", [whole[:cut]])
        curves = EventFolder(folder)
        curves.read()
        append(path, whole[cut:])
        grown = curves.read()
        assert points(grown) == [(1, 0.5), (3, 1.0)], cut
        assert grown.damage == (), cut


def test_points_behind_a_large_record_that_was_torn_are_found_at_once(tmp_path: Path) -> None:
    torn = frame(bytes(100_000))[:500]
    path = write(tmp_path, "1", [version(), torn, scalar(3, 1.0)])
    reader = EventFileReader(path)
    assert _steps(list(reader.read())) == [3]
    assert [damage.last_byte - damage.first_byte + 1 for damage in reader.damage] == [500]


def test_a_torn_record_whose_length_leads_to_another_hides_none_of_those_behind_it(tmp_path: Path) -> None:
    torn = frame(bytes(100))[: 116 - len(scalar(3, 1.0))]
    whole = [scalar(step, 1.0) for step in (3, 4, 5)]
    path = write(tmp_path, "1", [version(), torn, *whole])
    reader = EventFileReader(path)
    assert _steps(list(reader.read())) == [3, 4, 5]
    assert reader.damage == (Damage(path.name, len(version()), len(version()) + len(torn) - 1),)


def test_frames_nested_to_be_slow_are_given_up_and_later_points_are_read(tmp_path: Path) -> None:
    lies = [frame(bytes(9_000 - 12 * count))[:12] for count in range(700)]
    path = write(tmp_path, "1", [version(), *lies, bytes(1_000), *[bytes(9_000)] * 2, scalar(1, 1.0)])
    reader = EventFileReader(path, block_bytes=10_000)
    assert _steps(list(reader.read())) == [1]
    lost = path.stat().st_size - len(scalar(1, 1.0)) - 1
    assert reader.damage == (Damage(path.name, len(version()), lost),)


def test_records_of_thousands_of_lengths_are_read(tmp_path: Path) -> None:
    notes = [frame(Event(file_version="x" * length).SerializeToString()) for length in range(1, 4_200)]
    path = write(tmp_path, "1", [*notes, scalar(1, 1.0)])
    reader = EventFileReader(path)
    assert _steps(list(reader.read())) == [1]
    assert reader.damage == ()


def test_a_length_of_a_terabyte_takes_no_memory_and_is_reported(tmp_path: Path) -> None:
    lie = frame(b"x" * 100)
    length = struct.pack("<Q", 1 << 40)
    lie = length + frame(length)[-4:] + lie[12:]
    path = write(tmp_path, "1", [version(), lie])
    reader = EventFileReader(path)
    tracemalloc.start()
    try:
        assert _steps(list(reader.read())) == []
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()
    assert reader.damage == (Damage(path.name, len(version()), len(version() + lie) - 1),)
    append(path, scalar(1, 1.0))
    assert _steps(list(reader.read())) == [1]
    assert reader.damage == (Damage(path.name, len(version()), len(version() + lie) - 1),)


def test_records_larger_than_a_block_are_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), frame(bytes(5000)), scalar(1, 1.0), frame(bytes(9000))])
    reader = EventFileReader(path, block_bytes=1024)
    assert _steps(list(reader.read())) == [1]
    assert reader.damage == ()
    append(path, scalar(2, 1.0))
    assert _steps(list(reader.read())) == [2]


def test_a_large_record_whose_length_leads_nowhere_is_damage(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), frame(bytes(5000))[:3000], scalar(1, 1.0), bytes(4000), scalar(2, 1.0)])
    reader = EventFileReader(path, block_bytes=1024)
    assert _steps(list(reader.read())) == [1, 2]
    assert [damage.last_byte - damage.first_byte + 1 for damage in reader.damage] == [3000, 4000]


def test_a_large_record_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    large = frame(bytes(5000))
    path = write(tmp_path, "1", [version(), large[:3000]])
    reader = EventFileReader(path, block_bytes=1024)
    list(reader.read())
    assert reader.damage == ()
    append(path, large[3000:] + scalar(1, 1.0))
    assert _steps(list(reader.read())) == [1]
    assert reader.damage == ()


def test_a_record_that_is_no_event_is_damage(tmp_path: Path) -> None:
    nonsense = [
        frame(b"\x0b\x0c"),
        frame(b"\x80" * 12),
        frame(b"\x2a\x7f\x01"),
        frame(b"\x00\x01"),
        frame(b"\x11"),
    ]
    path = write(tmp_path, "1", [version(), *nonsense, *[frame(b"\xff" * 30)] * 20, scalar(1, 1.0)])
    reader = EventFileReader(path)
    assert _steps(list(reader.read())) == [1]
    lost = len(b"".join(nonsense)) + 20 * 46
    assert reader.damage == (Damage(path.name, len(version()), len(version()) + lost - 1),)


def test_the_list_of_damage_is_bounded(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [frame(b"\xff") + scalar(step, 1.0) for step in range(1500)])
    reader = EventFileReader(path)
    assert len(_steps(list(reader.read()))) == 1500
    assert len(reader.damage) == 1000
    assert reader.damage[-1].last_byte == path.stat().st_size - len(scalar(1499, 1.0)) - 1


def test_a_replaced_file_is_read_from_its_start(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    reader = EventFileReader(path)
    list(reader.read())
    other = write(tmp_path, "2", [version(), scalar(1, 0.5), scalar(9, 0.5)])
    other.replace(path)
    (batch,) = reader.read()
    assert batch.from_start
    assert _steps([batch]) == [1, 9]


def test_a_shrunk_file_is_read_from_its_start(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5), scalar(2, 0.5)])
    reader = EventFileReader(path)
    list(reader.read())
    os.truncate(path, len(version() + scalar(1, 0.5)))
    (batch,) = reader.read()
    assert batch.from_start
    assert _steps([batch]) == [1]
    os.truncate(path, 0)
    (batch,) = reader.read()
    assert batch.from_start
    assert not batch.points


def test_a_file_rewritten_in_place_and_longer_than_before_is_read_from_its_start(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    reader = EventFileReader(path)
    list(reader.read())
    path.write_bytes(version() + b"".join(scalar(step, 0.5, wall_time=5.0) for step in range(4, 9)))
    (batch,) = reader.read()
    assert batch.from_start
    assert _steps([batch]) == [4, 5, 6, 7, 8]


def test_garbage_that_is_cut_off_and_written_over_hides_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), bytes(600)])
    reader = EventFileReader(path)
    list(reader.read())
    os.truncate(path, len(version()) + 20)
    list(reader.read())
    append(path, scalar(1, 1.0) + bytes(400))
    assert _steps(list(reader.read())) == [1]


def test_a_missing_file_is_read_when_it_appears(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    reader = EventFileReader(path)
    assert list(reader.read()) == []
    write(tmp_path, "1", [version(), scalar(1, 0.5)])
    assert _steps(list(reader.read())) == [1]


def test_an_empty_file_has_no_points_and_no_damage(tmp_path: Path) -> None:
    reader = EventFileReader(write(tmp_path, "1", []))
    (batch,) = reader.read()
    assert batch.from_start
    assert not batch.points
    assert reader.damage == ()


def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    os.mkfifo(path)
    assert list(EventFileReader(path).read()) == []


def test_a_file_that_may_not_be_read_is_damage_until_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    reader = EventFileReader(path)
    with monkeypatch.context() as patch:
        patch.setattr("backend.event_files.reader.os.open", _refuse)  # root may read everything
        assert list(reader.read()) == []
        assert reader.damage == (Damage(path.name, 0, path.stat().st_size - 1),)
    assert _steps(list(reader.read())) == [1]
    assert reader.damage == ()


def _refuse(*_: object) -> int:
    raise PermissionError


def test_a_link_is_not_followed_and_reported(tmp_path: Path) -> None:
    target = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    link = tmp_path / "link"
    link.symlink_to(target)
    reader = EventFileReader(link)
    assert list(reader.read()) == []
    assert reader.damage == (Damage("link", 0, target.stat().st_size - 1),)


def test_the_first_wall_time_is_known(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [frame(b"\xff"), version()])
    reader = EventFileReader(path)
    assert reader.started_at == 0.0
    list(reader.read())
    assert reader.started_at == 0.0
    append(path, scalar(1, 1.0, wall_time=float("nan")))
    list(reader.read())
    assert reader.started_at == 0.0
    append(path, scalar(2, 1.0, wall_time=7.0))
    list(reader.read())
    assert reader.started_at == 7.0
