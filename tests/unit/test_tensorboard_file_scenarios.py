"""What TensorBoard and its data server test about files and folders, asked of our reader."""

import os
import shutil
from pathlib import Path

import pytest

from backend.event_files.folder import EventFolder
from tests.fakes.event_bytes import append, points, scalar, write


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
