"""Runs are found in any log directory, whatever links and locked folders it has."""

import os
from pathlib import Path

import pytest

from backend.domain.found_runs import FoundRuns, RemarkKind
from backend.event_files import directories
from backend.event_files.directories import find_runs
from tests.fakes.event_bytes import scalar, version, write


def _names(found: FoundRuns) -> list[str]:
    return [run.name for run in found.runs]


def _remarks(found: FoundRuns) -> list[tuple[RemarkKind, str]]:
    return [(remark.kind, remark.name) for remark in found.remarks]


def test_a_run_is_a_folder_that_holds_an_event_file(tmp_path: Path) -> None:
    for name in ("", "b", "b/deep/er", "a"):
        write(tmp_path / name, "1", [version()])
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("tfevents")
    found = find_runs(tmp_path)
    assert _names(found) == [".", "a", "b", "b/deep/er"]
    assert found.runs[3].folder == tmp_path.resolve() / "b" / "deep" / "er"
    assert found.remarks == ()


def test_a_run_tells_its_files_their_size_and_its_newest_change(tmp_path: Path) -> None:
    first, second = (write(tmp_path, name, [version(), scalar(1, 1.0)]) for name in "12")
    (tmp_path / "weights.bin").write_bytes(bytes(1000))
    os.utime(first, (5, 50))
    os.utime(second, (6, 70))
    (run,) = find_runs(tmp_path).runs
    assert run.files == (first.name, second.name)
    assert run.num_bytes == first.stat().st_size + second.stat().st_size
    assert run.changed_at == 70.0


def test_what_only_looks_like_an_event_file_makes_no_run(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").mkdir()
    write(tmp_path / "profile", "1.profile-empty", [version()])
    (tmp_path / "pipe").mkdir()
    os.mkfifo(tmp_path / "pipe" / "events.out.tfevents.2")
    assert find_runs(tmp_path) == FoundRuns(())


def test_a_folder_whose_own_name_is_that_of_an_event_file_is_looked_into(tmp_path: Path) -> None:
    write(tmp_path / "events.out.tfevents.1", "2", [version()])
    assert _names(find_runs(tmp_path)) == ["events.out.tfevents.1"]


def test_circles_of_links_end_and_each_run_is_found_once(tmp_path: Path) -> None:
    write(tmp_path / "z" / "run", "1", [version()])
    (tmp_path / "latest").symlink_to("z/run")
    (tmp_path / "z" / "run" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "nowhere").symlink_to("gone")
    found = find_runs(tmp_path)
    assert _names(found) == ["z/run"]
    assert found.remarks == ()


def test_links_out_of_the_directory_are_told_and_not_followed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    secret = write(outside / "run", "1", [version()])
    write(root / "own", "1", [version()])
    (root / "linked").symlink_to(outside)
    (root / "own" / "events.out.tfevents.2").symlink_to(secret)
    (root / "own" / "notes").symlink_to(tmp_path / "nothing.txt")
    found = find_runs(root)
    assert _names(found) == ["own"]
    assert found.runs[0].files == ("events.out.tfevents.1",)
    assert sorted(_remarks(found)) == [
        (RemarkKind.LINK_OUT, "linked"), (RemarkKind.LINK_OUT, "own/events.out.tfevents.2"),
    ]  # fmt: skip


def test_links_out_of_the_directory_are_followed_where_that_is_allowed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    secret = write(outside / "run", "1", [version()])
    (outside / "back").symlink_to(root)
    write(root / "own", "1", [version()])
    (root / "linked").symlink_to(outside)
    (root / "own" / "events.out.tfevents.2").symlink_to(secret)
    found = find_runs(root, may_leave=True)
    assert _names(found) == ["linked/run", "own"]
    assert found.runs[1].files == ("events.out.tfevents.1", "events.out.tfevents.2")
    assert found.remarks == ()


def test_a_directory_that_is_itself_a_link_is_looked_into(tmp_path: Path) -> None:
    write(tmp_path / "real" / "run", "1", [version()])
    (tmp_path / "link").symlink_to("real")
    assert _names(find_runs(tmp_path / "link")) == ["run"]


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    found = find_runs(tmp_path / "gone")
    assert found.runs == ()
    assert [remark.kind for remark in found.remarks] == [RemarkKind.MISSING]
    file = tmp_path / "file"
    file.touch()
    assert [remark.kind for remark in find_runs(file).remarks] == [RemarkKind.MISSING]


def test_a_folder_that_may_not_be_listed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may list everything, so the system's answer is given in its place."""
    write(tmp_path / "open", "1", [version()])
    write(tmp_path / "locked", "1", [version()])
    scandir = os.scandir

    def refuse(path: str) -> "os._ScandirIterator[str]":
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(directories.os, "scandir", refuse)
    found = find_runs(tmp_path)
    assert _names(found) == ["open"]
    assert _remarks(found) == [(RemarkKind.NOT_ALLOWED, "locked")]
    assert found.remarks[0].text == "locked may not be read: Permission denied."


def test_depth_and_number_are_bounded_and_that_is_told(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*"abcde")
    write(deep, "1", [version()])
    found = find_runs(tmp_path, max_depth=3)
    assert found.runs == ()
    assert _remarks(found) == [(RemarkKind.TOO_DEEP, "a/b/c/d")]
    for number in range(6):
        write(tmp_path / f"run{number}", "1", [version()])
    assert [remark.kind for remark in find_runs(tmp_path, max_runs=3).remarks] == [RemarkKind.TOO_MANY]
    assert len(find_runs(tmp_path, max_runs=3).runs) == 3
    assert len(find_runs(tmp_path, max_folders=3).runs) <= 3
    assert len(find_runs(tmp_path).runs) == 7
    assert find_runs(tmp_path).remarks == ()


def test_remarks_are_bounded_too(tmp_path: Path) -> None:
    for number in range(130):
        (tmp_path / f"link{number}").symlink_to("/usr")
    found = find_runs(tmp_path)
    assert (len(found.remarks), found.num_more_remarks) == (100, 30)


def test_names_that_are_no_text_can_be_shown_and_their_folders_opened(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/run\xff"))
    write(folder, "1", [version()])
    (run,) = find_runs(tmp_path).runs
    assert run.name == "run\\xff"
    run.name.encode()
    assert run.folder.is_dir()


def test_a_folder_that_vanishes_meanwhile_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "gone", "1", [version()])
    write(tmp_path / "kept", "1", [version()])
    scandir = os.scandir

    def vanish(path: str) -> "os._ScandirIterator[str]":
        if path.endswith("gone"):
            raise FileNotFoundError(2, "No such file or directory")
        return scandir(path)

    monkeypatch.setattr(directories.os, "scandir", vanish)
    assert find_runs(tmp_path).remarks == ()
    assert _names(find_runs(tmp_path)) == ["kept"]
