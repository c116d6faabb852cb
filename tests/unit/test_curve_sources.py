"""CurveSources: own runs and registered log directories by name, with no way out of either."""

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.found_runs import FoundRuns
from backend.domain.log_directories import LogDirectory
from backend.errors import NotFoundError
from backend.event_files.directories import find_runs
from backend.event_files.folder import EventFolder
from backend.services.curve_errors import CurveSourceNotFound, LogDirectoryNotFound, LogDirectoryRefused
from backend.services.curve_sources import CurveSources, key_of
from backend.services.data_cache import DataCache
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.store.errors import RunNotFound
from tests.fakes.clock import FakeClock
from tests.fakes.event_bytes import points, scalar, version, write
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run


class Studio:
    """A workspace with a run, and a foreign log directory beside it."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder / "workspace"
        self.runs = self.workspace / "runs"
        self.logs = folder / "Old experiments!"
        self.clock = FakeClock()
        self.store = FakeRunStore(self.clock)
        self.store.create(a_run("one", name="My run", run_dir=self.runs / "one"))
        write(self.runs / "one" / "tensorboard", "1", [version(), scalar(1, 0.5)])
        write(self.logs / "seed 1" / "lr=1e-4", "1", [version(), scalar(2, 0.25)])
        self.looks = 0
        self.sources = self.open()

    def open(self) -> CurveSources:
        manager = TensorBoardDataManager(EventFolder, self.clock)
        found = DataCache(self.clock, ttl_seconds=5.0)
        private = [self.workspace, self.workspace.parent / "keys"]
        return CurveSources(self.store, manager, self._find, found, private, self.runs)

    def _find(self, directory: Path) -> FoundRuns:
        self.looks += 1
        return find_runs(directory)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def test_an_own_run_is_named_by_its_id(studio: Studio) -> None:
    assert studio.sources.folder("run:one") == studio.runs / "one" / "tensorboard"
    assert studio.sources.label("run:one") == "My run"
    assert points(studio.sources.curves("run:one")) == [(1, 0.5)]
    assert studio.sources.last_values("run:one").points["train/loss"].value == 0.5


def test_a_renamed_run_has_its_new_label(studio: Studio) -> None:
    assert studio.sources.label("run:one") == "My run"
    studio.store.annotate("one", name="Better")
    assert studio.sources.label("run:one") == "Better"


def test_an_unknown_run_is_not_found(studio: Studio) -> None:
    for ask in (studio.sources.folder, studio.sources.label, studio.sources.curves):
        with pytest.raises(RunNotFound):
            ask("run:two")


def test_a_run_in_a_log_directory_is_named_by_key_and_path(studio: Studio) -> None:
    key = studio.sources.add_directory(str(studio.logs))
    source = f"dir:{key}/seed 1/lr=1e-4"
    assert studio.sources.folder(source) == studio.logs / "seed 1" / "lr=1e-4"
    assert studio.sources.label(source) == "Old experiments!/seed 1/lr=1e-4"
    assert points(studio.sources.curves(source)) == [(2, 0.25)]


def test_the_directory_itself_is_a_source_too(studio: Studio) -> None:
    key = studio.sources.add_directory(str(studio.logs))
    for source in (f"dir:{key}", f"dir:{key}/", f"dir:{key}/."):
        assert studio.sources.folder(source) == studio.logs
        assert studio.sources.label(source) == "Old experiments!"


def test_directories_are_remembered_by_the_next_program(studio: Studio) -> None:
    key = studio.sources.add_directory(str(studio.logs))
    assert list(studio.open().directories()) == [LogDirectory(key, studio.logs)]


def test_the_key_depends_on_the_path_alone(studio: Studio) -> None:
    key = studio.sources.add_directory(str(studio.logs))
    studio.sources.remove_directory(key)
    assert list(studio.sources.directories()) == []
    assert studio.sources.add_directory(f"  {studio.logs}/../{studio.logs.name}/ ") == key
    assert key.startswith("old-experiments-")


def test_adding_twice_changes_nothing(studio: Studio) -> None:
    assert studio.sources.add_directory(str(studio.logs)) == studio.sources.add_directory(str(studio.logs))
    assert len(studio.sources.directories()) == 1


def test_removing_touches_nothing_but_the_list(studio: Studio) -> None:
    key = studio.sources.add_directory(str(studio.logs))
    studio.sources.remove_directory(key)
    assert (studio.logs / "seed 1").is_dir()
    with pytest.raises(LogDirectoryNotFound):
        studio.sources.folder(f"dir:{key}/seed 1")
    with pytest.raises(LogDirectoryNotFound):
        studio.sources.remove_directory(key)
    with pytest.raises(LogDirectoryNotFound):
        studio.sources.runs(key)


def test_many_threads_add_without_losing_any(studio: Studio, tmp_path: Path) -> None:
    folders = [tmp_path / f"logs {number}" for number in range(8)]
    for folder in folders:
        folder.mkdir()
    threads = [threading.Thread(target=studio.sources.add_directory, args=(str(folder),)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.path for one in studio.sources.directories()] == folders


@pytest.mark.parametrize("kept", ["", "no JSON", '{"a": 1}', "[1, null]"])
def test_an_unreadable_list_is_an_empty_one(studio: Studio, kept: str) -> None:
    studio.store.save_draft("curves:log-directories", kept)
    assert list(studio.sources.directories()) == []


def test_what_cannot_be_a_log_directory_is_refused_with_a_reason(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name in ("file", "absent"):
        with pytest.raises(LogDirectoryRefused):
            studio.sources.add_directory(str(tmp_path / name))
    for path in ("", "  ", "\0", "x" * 5_000, "/proc", "/dev"):
        with pytest.raises(LogDirectoryRefused):
            studio.sources.add_directory(path)


def test_the_studios_own_folders_are_refused_but_its_runs_are_not(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "keys" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "keys")
    for private in (studio.workspace, tmp_path / "keys", tmp_path / "keys" / "deep", tmp_path / "link"):
        with pytest.raises(LogDirectoryRefused):
            studio.sources.add_directory(str(private))
    key = studio.sources.add_directory(str(studio.runs))
    assert points(studio.sources.curves(f"dir:{key}/one/tensorboard")) == [(1, 0.5)]


def test_private_folders_inside_a_log_directory_are_no_sources(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key = studio.sources.add_directory(str(tmp_path))
    with pytest.raises(CurveSourceNotFound):
        studio.sources.folder(f"dir:{key}/keys")
    assert studio.sources.folder(f"dir:{key}/workspace/runs/one/tensorboard").is_dir()


@pytest.mark.parametrize("path", ["..", "../..", "a/../..", "/etc", "//etc", "a\0b", "x" * 5_000, "absent", "file"])
def test_no_path_leads_out_of_the_directory(studio: Studio, path: str) -> None:
    (studio.logs / "file").write_text("")
    key = studio.sources.add_directory(str(studio.logs))
    with pytest.raises(CurveSourceNotFound):
        studio.sources.folder(f"dir:{key}/{path}")


def test_a_link_leads_nowhere_but_inside(studio: Studio, tmp_path: Path) -> None:
    (studio.logs / "out").symlink_to(tmp_path)
    (studio.logs / "in").symlink_to(studio.logs / "seed 1")
    (studio.logs / "loop").symlink_to(studio.logs / "loop")
    key = studio.sources.add_directory(str(studio.logs))
    for path in ("out", "out/workspace", "loop"):
        with pytest.raises(CurveSourceNotFound):
            studio.sources.folder(f"dir:{key}/{path}")
    assert studio.sources.folder(f"dir:{key}/in") == studio.logs / "seed 1"


@pytest.mark.parametrize("source", ["", "one", "run", "dir:", "dir:/", "dir:nope/a", "https://x/a", "RUN:one", "run:"])
def test_what_is_no_source_is_not_found(studio: Studio, source: str) -> None:
    for ask in (studio.sources.folder, studio.sources.label, studio.sources.curves):
        with pytest.raises(NotFoundError):
            ask(source)


@given(st.text() | st.lists(st.sampled_from(["..", ".", "", "seed 1", "out", "/", "~"])).map("/".join))
def test_any_path_stays_inside_or_is_not_found(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    studio = Studio(tmp_path_factory.mktemp("studio"))
    (studio.logs / "out").symlink_to(studio.workspace)
    key = studio.sources.add_directory(str(studio.logs))
    try:
        folder = studio.sources.folder(f"dir:{key}/{path}")
    except NotFoundError:
        return
    assert folder.is_relative_to(studio.logs)


def test_runs_are_found_and_remembered_for_some_seconds(studio: Studio) -> None:
    key = studio.sources.add_directory(str(studio.logs))
    found = studio.sources.runs(key)
    assert [run.path for run in found] == ["seed 1/lr=1e-4"]
    assert found[0].num_bytes > 0
    write(studio.logs / "another", "1", [version()])
    assert studio.sources.runs(key) is found
    studio.clock.advance(5)
    assert [run.path for run in studio.sources.runs(key)] == ["another", "seed 1/lr=1e-4"]
    assert studio.looks == 2
    for run in studio.sources.runs(key):
        assert studio.sources.folder(f"dir:{key}/{run.path}").is_dir()


def test_a_run_whose_name_is_no_text_has_a_name_all_the_same(studio: Studio) -> None:
    folder = Path(os.fsdecode(os.fsencode(studio.logs) + b"/\xff"))
    write(folder, "1", [version(), scalar(1, 0.75)])
    key = studio.sources.add_directory(str(studio.logs))
    assert r"\xff" in [run.path for run in studio.sources.runs(key)]
    assert points(studio.sources.curves(rf"dir:{key}/\xff")) == [(1, 0.75)]
    assert studio.sources.label(rf"dir:{key}/\xff") == r"Old experiments!/\xff"
    with pytest.raises(CurveSourceNotFound):
        studio.sources.folder(rf"dir:{key}/\xfe")


def test_what_was_left_out_is_told(studio: Studio, tmp_path: Path) -> None:
    (studio.logs / "out").symlink_to(tmp_path)
    key = studio.sources.add_directory(str(studio.logs))
    assert [remark.name for remark in studio.sources.found(key).remarks] == ["out"]


def test_a_directory_that_is_gone_has_no_runs(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "soon gone").mkdir()
    key = studio.sources.add_directory(str(tmp_path / "soon gone"))
    (tmp_path / "soon gone").rmdir()
    assert list(studio.sources.runs(key)) == []
    assert [one.key for one in studio.sources.directories()] == [key] == [key_of(tmp_path / "soon gone")]
