"""CurveSettler: folders are checked and kept in the background, one after the other, by a thread that ends."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.kept_folder import KeptFolder
from backend.probes.clock import SystemClock
from backend.services import curve_settling, tensorboard_data
from backend.services.curve_settling import CurveSettler
from backend.services.tensorboard_data import TensorBoardDataManager
from tests.fakes.clock import FakeClock
from tests.fakes.event_bytes import append, points, scalar, version, write

LONG = 30.0  # seconds; only a failure takes them


def eventually(is_so: Callable[[], bool]) -> bool:
    until = time.monotonic() + LONG
    while not is_so() and time.monotonic() < until:
        time.sleep(0.01)
    return is_so()


_OF_OTHERS: set[threading.Thread] = set()  # tests before us may have left managers that are not settled yet


def settling_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "curve-settler" and thread not in _OF_OTHERS]


class Scripted:
    """Says for each folder how often it is too early, and remembers the order."""

    def __init__(self, **too_early: int) -> None:
        self.too_early = too_early
        self.asked: list[str] = []

    def __call__(self, folder: Path) -> bool:
        self.asked.append(folder.name)
        self.too_early[folder.name] = self.too_early.get(folder.name, 0) - 1
        return self.too_early[folder.name] < 0


@pytest.fixture(autouse=True)
def _no_thread_stays() -> Iterator[None]:
    _OF_OTHERS.clear()
    _OF_OTHERS.update(threading.enumerate())
    yield
    assert eventually(lambda: not settling_threads())


def test_each_folder_is_settled_once_and_the_thread_ends(tmp_path: Path) -> None:
    settle, clock = Scripted(), FakeClock()  # nothing is due before we say so, however slow this machine is
    settler = CurveSettler(settle, clock, first_seconds=0.05)
    for name in ("a", "b", "a", "c"):
        settler.offer(tmp_path / name)
    assert len(settling_threads()) == 1
    assert settle.asked == []
    clock.advance(0.05)
    assert eventually(lambda: settle.asked == ["a", "b", "c"])
    assert eventually(lambda: not settling_threads())
    settler.offer(tmp_path / "d")
    clock.advance(0.05)
    assert eventually(lambda: settle.asked == ["a", "b", "c", "d"])


def test_what_is_too_early_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve_settling, "AGAIN_SECONDS", 0.05)
    settle = Scripted(a=2)
    CurveSettler(settle, SystemClock(), first_seconds=0).offer(tmp_path / "a")
    assert eventually(lambda: settle.asked == ["a", "a", "a"])


def test_a_failure_is_logged_and_the_others_are_settled(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settled = []

    def settle(folder: Path) -> bool:
        if folder.name == "bad":
            raise RuntimeError("no")
        settled.append(folder.name)
        return True

    settler = CurveSettler(settle, SystemClock(), first_seconds=0.01)
    for name in ("bad", "good"):
        settler.offer(tmp_path / name)
    assert eventually(lambda: settled == ["good"])
    assert "could not be kept" in caplog.text


def test_nothing_begins_after_closing(tmp_path: Path) -> None:
    settle, clock = Scripted(), FakeClock()
    settler = CurveSettler(settle, clock, first_seconds=0.1)
    settler.offer(tmp_path / "a")
    settler.close()
    settler.close()
    clock.advance(0.1)
    assert eventually(lambda: not settling_threads())
    settler.offer(tmp_path / "b")
    assert not settling_threads()
    assert settle.asked == []


def test_what_was_withdrawn_is_left_alone(tmp_path: Path) -> None:
    settle, clock = Scripted(), FakeClock()
    settler = CurveSettler(settle, clock, first_seconds=0.1)
    settler.offer(tmp_path / "a")
    settler.offer(tmp_path / "b")
    settler.withdraw(tmp_path / "a")
    settler.withdraw(tmp_path / "unknown")
    clock.advance(0.1)
    assert eventually(lambda: settle.asked == ["b"])


class Studio:
    """A manager with a cache, whose files count as finished at once; `opened` are the folders that were read."""

    def __init__(self, root: Path, max_bytes: int = 10**9) -> None:
        self.kept = root / "cache"
        self.opened: list[Path] = []
        self.clock = SystemClock()
        self.cache = CurveCache(self.kept, self.clock)
        self.manager = TensorBoardDataManager(self._kept, self.clock, max_bytes=max_bytes)

    def _kept(self, folder: Path) -> KeptFolder:
        return KeptFolder(folder, self._open, self.cache, self.clock, quiet_seconds=0)

    def _open(self, folder: Path) -> EventFolder:
        self.opened.append(folder)
        return EventFolder(folder)

    def num_kept(self) -> int:
        return len(list(self.kept.glob("*.arrow")))


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tensorboard_data, "CurveSettler", lambda settle, clock: CurveSettler(settle, clock, first_seconds=0.05)
    )


@pytest.mark.usefixtures("_soon")
def test_a_second_start_reads_no_event_file(tmp_path: Path) -> None:
    folders = [write(tmp_path / str(number), "1", [version(), scalar(1, 0.5 + number)]).parent for number in range(20)]
    first = Studio(tmp_path)
    for folder in folders:
        first.manager.curves(folder)
    assert eventually(lambda: first.num_kept() == 20)
    first.manager.close()
    second = Studio(tmp_path)
    for number, folder in enumerate(folders):
        assert points(second.manager.curves(folder)) == [(1, 0.5 + number)]
        assert second.manager.curves(folder) is second.manager.curves(folder)
    assert second.opened == []
    assert eventually(lambda: not settling_threads())


@pytest.mark.usefixtures("_soon")
def test_folders_that_left_memory_are_kept_all_the_same(tmp_path: Path) -> None:
    studio = Studio(tmp_path, max_bytes=1)
    for number in range(5):
        studio.manager.curves(write(tmp_path / str(number), "1", [version(), scalar(1, 0.5)]).parent)
    assert eventually(lambda: studio.num_kept() == 5)
    studio.manager.close()


@pytest.mark.usefixtures("_soon")
def test_a_run_that_goes_on_after_it_was_kept_is_followed_and_kept_again(tmp_path: Path) -> None:
    path = write(tmp_path / "run", "1", [version(), scalar(1, 0.5)])
    first = Studio(tmp_path)
    first.manager.curves(path.parent)
    assert eventually(lambda: first.num_kept() == 1)
    first.manager.close()
    second = Studio(tmp_path)
    before = second.manager.curves(path.parent)
    append(path, scalar(2, 0.25))
    after = second.manager.curves(path.parent)
    assert after.version > before.version
    assert points(after) == [(1, 0.5), (2, 0.25)]
    third = Studio(tmp_path)
    assert eventually(lambda: points(third.manager.curves(path.parent)) == points(after) and _is_kept(third, path))
    second.manager.close()
    third.manager.close()


def _is_kept(studio: Studio, path: Path) -> bool:
    source = studio._kept(path.parent)
    source.read()
    return source.is_settled


def test_a_run_is_never_told_wrong_while_it_grows_and_is_kept_and_opened_again_and_again(tmp_path: Path) -> None:
    path = write(tmp_path / "run", "1", [version()])
    studio = Studio(tmp_path)
    is_written = threading.Event()

    def watch(number: int) -> list[int]:
        lengths = []
        while not is_written.is_set() or not lengths:
            source = studio._kept(path.parent)
            for _ in range(3):
                told = points(source.read())
                assert told == [(step, 0.5) for step in range(1, len(told) + 1)]
                lengths.append(len(told))
                source.settle()
        return lengths

    with ThreadPoolExecutor(3) as pool:
        watchers = [pool.submit(watch, number) for number in range(3)]
        try:
            for step in range(1, 200):
                append(path, scalar(step, 0.5))
        finally:
            is_written.set()
        for watcher in watchers:
            lengths = watcher.result(LONG)
            assert lengths == sorted(lengths)
    assert len(points(studio._kept(path.parent).read())) == 199


def test_without_a_cache_no_thread_is_started(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    os.utime(path, (1_000, 1_000))
    TensorBoardDataManager(EventFolder, SystemClock()).curves(tmp_path)
    assert not settling_threads()
