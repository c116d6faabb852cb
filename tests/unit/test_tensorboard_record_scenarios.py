"""What TensorBoard, its data server, wandb and tensorboardX test about records and bytes, asked of our reader."""

from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto

from backend.domain.curves import Damage
from backend.event_files.crc import masked_crc
from backend.event_files.folder import EventFolder
from tests.fakes.event_bytes import append, frame, points, restart, scalar, version, write


def steps(folder: EventFolder, tag: str = "train/loss") -> list[int]:
    return [step for step, _ in points(folder.read(), tag)]


def test_a_payload_of_no_bytes_is_an_event_without_anything(tmp_path: Path) -> None:
    """record_writer_test: test_empty_record (TensorBoard's and tensorboardX's)."""
    write(tmp_path, "1", [version(), frame(b""), scalar(1, 1.0)])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(1, 1.0)]
    assert curves.damage == ()


def test_fifty_equal_records_are_fifty(tmp_path: Path) -> None:
    """record_writer_test: test_record_writer_roundtrip, test_record_immediate_read, test_expect_bytes_written."""
    write(tmp_path, "1", [frame(Event(file_version="x" * 64).SerializeToString())] * 50 + [scalar(1, 1.0)])
    curves = EventFolder(tmp_path).read()
    assert (points(curves), curves.damage) == ([(1, 1.0)], ())


def test_a_record_that_arrives_in_five_pieces_is_read_with_the_last(tmp_path: Path) -> None:
    """tf_record.rs: test_success, with the bytes that TensorFlow 2 writes; event_file.rs: test_resume."""
    first = (
        b"\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22\x09\x00\x00\x80\x38\x99\xd6\xd7\x41\x1a\x0dbrain.Event:2\x12\x4b\x36\xab"
    )
    second = (
        b"\x32\0\0\0\0\0\0\0\x24\x19\x56\xec"
        b"\x09\xc4\x05\xb7\x3d\x99\xd6\xd7\x41\x10\x4d\x2a\x25\x0a\x23\x0a\x08accuracy"
        b"\x42\x0a\x08\x01\x12\x00\x22\x04\xa4\x70\x7d\x3f\x4a\x0b\x0a\x09\x0a\x07scalars"
        b"\xa5\x5b\x64\x33"
    )
    whole = first + second
    path = write(tmp_path, "1", [])
    folder = EventFolder(tmp_path)
    for start, end in ((0, 5), (5, 11), (11, 18), (18, 42), (42, len(whole))):
        assert steps(folder, "accuracy") == []
        append(path, whole[start:end])
    curves = folder.read()
    [(step, value)] = points(curves, "accuracy")
    assert step == 77
    assert value == pytest.approx(0.99)
    assert curves.damage == ()


def test_a_length_with_a_wrong_checksum_is_damage_and_the_next_record_is_found(tmp_path: Path) -> None:
    """tf_record.rs: test_length_crc_mismatch; there the file is dead."""
    torn = b"\x18\0\0\0\0\0\0\0\x99\x7f\x4b\x55123456789abcdef012345678\0\0\0\0"
    path = write(tmp_path, "1", [version(), scalar(1, 1.0), torn, scalar(2, 2.0)])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(1, 1.0), (2, 2.0)]
    first = len(version()) + len(scalar(1, 1.0))
    assert curves.damage == (Damage(path.name, first, first + len(torn) - 1),)


def test_a_payload_with_a_wrong_checksum_is_reported_where_it_cannot_be_read(tmp_path: Path) -> None:
    """tf_record.rs: test_data_crc_mismatch, test_write_read_roundtrip_invalid_data_crc; event_file.rs: test."""
    torn = b"\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22123456789abcdef012345678\xdf\x9b\x57\x13"
    path = write(tmp_path, "1", [version(), scalar(1, 1.0), torn, scalar(2, 2.0)])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(1, 1.0), (2, 2.0)]
    first = len(version()) + len(scalar(1, 1.0))
    assert curves.damage == (Damage(path.name, first, first + len(torn) - 1),)


def test_an_event_that_is_no_message_is_reported_though_its_checksums_are_right(tmp_path: Path) -> None:
    """event_file.rs: test, test_no_checksum (a record that is sound and no event)."""
    path = write(tmp_path, "1", [version(), frame(b"failed proto, OK record"), scalar(2, 2.0)])
    curves = EventFolder(tmp_path).read()
    assert points(curves) == [(2, 2.0)]
    first, length = len(version()), len(frame(b"failed proto, OK record"))
    assert curves.damage == (Damage(path.name, first, first + length - 1),)


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"\0" * 32, 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"abcd", 0x92C80A31),
    ],
)
def test_checksums_are_those_of_the_standard(data: bytes, crc: int) -> None:
    """masked_crc.rs: test_compute (the vectors of RFC 3720); tensorboardX: test_crc32c."""
    assert masked_crc(data) == ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def test_a_sequence_of_files_is_one_curve(tmp_path: Path) -> None:
    """wandb's tfeventreader_test: TestReadsSequenceOfFiles."""
    (tmp_path / "tfevents.1.host").write_bytes(scalar(1, 1.0) + scalar(2, 2.0))
    (tmp_path / "tfevents.2.host").write_bytes(b"")
    (tmp_path / "tfevents.3.host").write_bytes(scalar(3, 3.0))
    assert steps(EventFolder(tmp_path)) == [1, 2, 3]


@pytest.mark.parametrize("wrong_at", [8, -1], ids=["header", "payload"])
def test_bytes_that_are_wrong_for_a_moment_are_read_when_they_are_right(tmp_path: Path, wrong_at: int) -> None:
    """wandb's tfeventreader_test: TestRetriesChecksumErrors (a page that was not written yet when we looked)."""
    right = scalar(1, 1.0) + scalar(2, 2.0)
    wrong = bytearray(right)
    start = len(scalar(1, 1.0))
    wrong[start + wrong_at if wrong_at > 0 else wrong_at] ^= 0xFF
    path = write(tmp_path, "1", [bytes(wrong)])
    write(tmp_path, "2", [scalar(3, 3.0)])
    folder = EventFolder(tmp_path)
    assert steps(folder) == [1, 3]
    with path.open("r+b") as file:
        file.write(right)
    assert steps(folder) == [1, 2, 3]
    assert folder.read().damage == ()


def test_bytes_that_stay_wrong_are_told_and_later_ones_are_read(tmp_path: Path) -> None:
    """wandb's tfeventreader_test: TestGivesUpOnChecksumErrorAfterTimeout; it fails, we report and go on."""
    wrong = bytearray(scalar(1, 1.0))
    wrong[8:12] = bytes(4)
    path = write(tmp_path, "1", [bytes(wrong)])
    folder = EventFolder(tmp_path)
    assert folder.read().damage == (Damage(path.name, 0, len(wrong) - 1),)
    append(path, scalar(2, 2.0))
    curves = folder.read()
    assert points(curves) == [(2, 2.0)]
    assert curves.damage == (Damage(path.name, 0, len(wrong) - 1),)


def test_a_record_of_two_megabytes_hides_nothing(tmp_path: Path) -> None:
    """wandb's tfeventreader_test: TestReadsLargeData."""
    large = TensorProto(tensor_content=b"\1\2\3\4" * 500_000)
    event = Event(step=1, summary=Summary(value=[Summary.Value(tag="x", tensor=large)]))
    write(tmp_path, "1", [scalar(1, 1.0), frame(event.SerializeToString()), scalar(2, 2.0)])
    curves = EventFolder(tmp_path).read()
    assert (points(curves), curves.damage) == ([(1, 1.0), (2, 2.0)], ())


def test_a_restart_marker_alone_is_no_series(tmp_path: Path) -> None:
    """plugin_event_accumulator_test: a SessionLog.START at the beginning of a run voids nothing."""
    write(tmp_path, "1", [version(), restart(0), scalar(0, 1.0), scalar(1, 2.0)])
    assert points(EventFolder(tmp_path).read()) == [(0, 1.0), (1, 2.0)]
