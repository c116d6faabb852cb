"""What TensorBoard, its data server, wandb and tensorboardX test about files and folders, asked of our reader."""

import os
import shutil
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


def test_a_file_of_no_bytes_has_nothing(tmp_path: Path) -> None:
    """event_file_loader_test: testLoad_emptyEventFile."""
    write(tmp_path, "1", [])
    curves = EventFolder(tmp_path).read()
    assert (dict(curves.series), curves.damage) == ({}, ())


def test_a_finished_file_is_read_in_its_order(tmp_path: Path) -> None:
    """event_file_loader_test: testLoad_staticEventFile."""
    write(tmp_path, "1", [scalar(step, step / 2) for step in (1, 2, 3)])
    assert points(EventFolder(tmp_path).read()) == [(1, 0.5), (2, 1.0), (3, 1.5)]


def test_a_growing_file_is_read_record_by_record(tmp_path: Path) -> None:
    """event_file_loader_test: testLoad_dynamicEventFile; directory_watcher_test: testSingleWrite, testMultipleWrites."""
    path = write(tmp_path, "1", [scalar(1, 1.0)])
    folder = EventFolder(tmp_path)
    first = folder.read()
    append(path, scalar(2, 2.0))
    second = folder.read()
    assert (points(first), points(second)) == ([(1, 1.0)], [(1, 1.0), (2, 2.0)])
    assert folder.read() is second


def test_a_record_without_its_last_byte_is_read_once_the_byte_is_there(tmp_path: Path) -> None:
    """event_file_loader_test: testLoad_dynamicEventFileWithTruncation."""
    path = write(tmp_path, "1", [scalar(1, 1.0), scalar(2, 2.0), scalar(3, 3.0)[:-1]])
    folder = EventFolder(tmp_path)
    assert [steps(folder), steps(folder)] == [[1, 2], [1, 2]]
    assert folder.read().damage == ()
    append(path, scalar(3, 3.0)[-1:])
    assert steps(folder) == [1, 2, 3]


def test_a_folder_that_was_opened_and_not_read_loses_nothing(tmp_path: Path) -> None:
    """event_file_loader_test: testLoad_noIterationDoesNotConsumeEvents; directory_watcher_test: testMultipleLoads."""
    write(tmp_path, "1", [scalar(1, 1.0)])
    folder, other = EventFolder(tmp_path), EventFolder(tmp_path)
    other.read()
    assert steps(folder) == steps(other) == [1]


def test_a_replaced_file_is_read_again_whatever_its_size(tmp_path: Path) -> None:
    """event_file_loader_test: the five testLoad_detectFileReplacement cases; we notice a smaller file as well."""
    path = write(tmp_path, "1", [scalar(1, 1.0), scalar(2, 2.0)])
    folder = EventFolder(tmp_path)
    assert steps(folder) == [1, 2]
    for number, some in enumerate(((1, 2, 3), (1,), (5, 6))):
        other = write(tmp_path / "elsewhere", str(number), [scalar(step, 9.0) for step in some])
        other.replace(path)
        assert steps(folder) == list(some)


def test_a_file_that_cannot_be_looked_at_for_a_moment_is_read_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """event_file_loader_test: statFailsTransiently; directory_watcher_test: testDoesntRaise...IfOutageIsTransient."""
    path = write(tmp_path, "1", [scalar(1, 1.0)])
    folder = EventFolder(tmp_path)
    assert steps(folder) == [1]
    append(path, scalar(2, 2.0))
    real = os.open

    def on_fire(name: object, *rest: int) -> int:
        if str(name) == str(path):
            raise OSError("lp0 on fire")
        return real(name, *rest)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(os, "open", on_fire)
    during = folder.read()
    assert points(during) == [(1, 1.0)]
    monkeypatch.undo()
    assert steps(folder) == [1, 2]
    assert folder.read().damage == ()


def test_a_folder_without_files_has_nothing(tmp_path: Path) -> None:
    """directory_watcher_test, directory_loader_test: testEmptyDirectory."""
    assert dict(EventFolder(tmp_path).read().series) == {}


def test_files_written_at_once_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    """directory_watcher_test: testMultipleFilesAtOnce; directory_loader_test: testMultipleFileLoading."""
    write(tmp_path, "2", [scalar(2, 20.0), scalar(3, 30.0)])
    write(tmp_path, "1", [scalar(1, 1.0), scalar(2, 2.0)])
    assert points(EventFolder(tmp_path).read()) == [(1, 1.0), (2, 20.0), (3, 30.0)]


def test_a_file_is_read_to_its_end_when_a_newer_one_appears(tmp_path: Path) -> None:
    """directory_watcher_test: testFinishesLoadingFileWhenSwitchingToNewFile."""
    path = write(tmp_path, "1", [scalar(1, 1.0)])
    folder = EventFolder(tmp_path)
    assert steps(folder) == [1]
    append(path, scalar(2, 2.0))
    write(tmp_path, "2", [scalar(3, 3.0)])
    assert steps(folder) == [1, 2, 3]


def test_empty_files_between_others_stop_nothing(tmp_path: Path) -> None:
    """directory_watcher_test: testIntermediateEmptyFiles; directory_loader_test: the same."""
    write(tmp_path, "1", [scalar(1, 1.0)])
    write(tmp_path, "2", [])
    write(tmp_path, "3", [scalar(3, 3.0)])
    assert steps(EventFolder(tmp_path)) == [1, 3]


def test_files_of_other_names_are_not_read(tmp_path: Path) -> None:
    """directory_watcher_test: testPathFilter; io_wrapper_test: Is...EventsFile; tfeventfiles_test: Test_Matches."""
    record = scalar(1, 1.0)
    for name in ("model.ckpt", "not a file name", "events.out.tfevents.9.host.7.0.v2.profile-empty", "tf.events.1"):
        (tmp_path / name).write_bytes(record)
    assert dict(EventFolder(tmp_path).read().series) == {}
    for number, name in enumerate(("events.out.tfevents.1473720042.com", "prefix-tfevents.0000-suffix")):
        (tmp_path / name).write_bytes(scalar(number, 1.0, tag=name))
    assert set(EventFolder(tmp_path).read().series) == {
        "events.out.tfevents.1473720042.com",
        "prefix-tfevents.0000-suffix",
    }


def test_a_file_without_a_time_in_its_name_is_read_before_the_others(tmp_path: Path) -> None:
    """tfeventfiles_test: wandb passes over a name without a timestamp; we read it, as TensorBoard does."""
    (tmp_path / "prefix-tfevents-suffix").write_bytes(scalar(1, 1.0) + scalar(2, 2.0))
    write(tmp_path, "5", [scalar(2, 20.0)])
    assert points(EventFolder(tmp_path).read()) == [(1, 1.0), (2, 20.0)]


def test_an_older_file_that_appears_late_comes_first(tmp_path: Path) -> None:
    """directory_watcher_test: testDetectsNewOldFiles, where TensorBoard only notices that it reads too late."""
    write(tmp_path, "2", [scalar(2, 2.0)])
    folder = EventFolder(tmp_path)
    assert steps(folder) == [2]
    write(tmp_path, "1", [scalar(1, 1.0)])
    assert steps(folder) == [1, 2]


def test_a_newer_file_is_no_disorder(tmp_path: Path) -> None:
    """directory_watcher_test: testIgnoresNewerFiles."""
    write(tmp_path, "1", [scalar(1, 1.0)])
    folder = EventFolder(tmp_path)
    folder.read()
    write(tmp_path, "9", [scalar(2, 2.0)])
    curves = folder.read()
    assert points(curves) == [(1, 1.0), (2, 2.0)]
    assert curves.damage == ()


def test_a_file_that_is_deleted_leaves_the_others_readable(tmp_path: Path) -> None:
    """directory_watcher_test: testDoesntCrashWhenFileIsDeleted; directory_loader_test: the two of them."""
    path = write(tmp_path, "1", [scalar(1, 1.0)])
    upcoming = write(tmp_path, "2", [scalar(2, 2.0)])
    folder = EventFolder(tmp_path)
    assert steps(folder) == [1, 2]
    path.unlink()
    write(tmp_path, "3", [scalar(3, 3.0)])
    upcoming.unlink()
    assert steps(folder) == [3]


def test_a_folder_that_is_deleted_has_nothing_and_comes_back(tmp_path: Path) -> None:
    """directory_watcher_test: testRaisesRightErrorWhenDirectoryIsDeleted; multiplexer: testDeletingDirectoryRemovesRun."""
    run = tmp_path / "run"
    write(run, "1", [scalar(1, 1.0)])
    folder = EventFolder(run)
    assert steps(folder) == [1]
    shutil.rmtree(run)
    assert steps(folder) == []
    write(run, "1", [scalar(7, 7.0)])
    assert steps(folder) == [7]


def test_an_old_file_that_grows_is_heard(tmp_path: Path) -> None:
    """directory_loader_test: testActiveFilter (files stay active); plugin_event_multiplexer_test: testMultifileReload.

    directory_watcher_test: testDetectsChangingOldFiles, where TensorBoard leaves such points unread.
    """
    path = write(tmp_path, "1", [scalar(1, 1.0, tag="a")])
    write(tmp_path, "2", [scalar(1, 1.0, tag="b")])
    folder = EventFolder(tmp_path)
    folder.read()
    append(path, scalar(2, 2.0, tag="a"))
    assert points(folder.read(), "a") == [(1, 1.0), (2, 2.0)]


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


def test_a_circle_of_links_hangs_nothing(tmp_path: Path) -> None:
    """logdir.rs: test_symlink_loop."""
    (tmp_path / "one").symlink_to(tmp_path / "two")
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "self").symlink_to(tmp_path)
    write(tmp_path, "1", [scalar(1, 1.0)])
    assert steps(EventFolder(tmp_path)) == [1]


def test_a_folder_whose_name_looks_like_an_event_file_is_a_folder(tmp_path: Path) -> None:
    """EventAccumulator opens a directory called tfevents as a file, and fails."""
    run = tmp_path / "my.tfevents.run"
    write(run, "1", [scalar(1, 1.0)])
    assert steps(EventFolder(run)) == [1]
    assert points(EventFolder(tmp_path).read(), f"{run.name}/train/loss") == [(1, 1.0)]


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
