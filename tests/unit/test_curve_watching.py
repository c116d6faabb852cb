"""CurveWatcher and subscriptions: new points reach listeners within moments, from one thread that ends."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.domain.curves import Curves
from backend.event_files.folder import EventFolder
from backend.probes.clock import SystemClock
from backend.services import curve_watching
from backend.services.curve_watching import FEW, CurveWatcher
from backend.services.tensorboard_data import TensorBoardDataManager
from tests.fakes.clock import FakeClock
from tests.fakes.curve_source import ScriptedCurveSource
from tests.fakes.event_bytes import append, points, scalar, version, write

LONG = 30.0  # seconds; only a failure takes them


class Told:
    """A listener that remembers, and can be waited for."""

    def __init__(self) -> None:
        self.curves: list[Curves] = []
        self.threads: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, curves: Curves) -> None:
        with self._changed:
            self.curves.append(curves)
            self.threads.add(threading.current_thread().name)
            self._changed.notify_all()

    def wait(self, is_enough: Callable[[Curves], bool]) -> Curves:
        with self._changed:
            assert self._changed.wait_for(lambda: bool(self.curves) and is_enough(self.curves[-1]), LONG)
            return self.curves[-1]


def has(num_points: int) -> Callable[[Curves], bool]:
    return lambda curves: len(points(curves)) == num_points


def watching_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "curve-watcher"]


def no_thread_is_left() -> bool:
    until = time.monotonic() + LONG
    while watching_threads() and time.monotonic() < until:
        time.sleep(0.01)
    return not watching_threads()


@pytest.fixture
def manager() -> Iterator[TensorBoardDataManager]:
    manager = TensorBoardDataManager(EventFolder, SystemClock())
    yield manager
    manager.close()
    assert no_thread_is_left()


def test_a_listener_hears_what_there_is_and_then_what_is_new(manager: TensorBoardDataManager, tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    told = Told()
    manager.subscribe(tmp_path, told)
    told.wait(has(1))
    append(path, scalar(2, 0.25))
    assert points(told.wait(has(2))) == [(1, 0.5), (2, 0.25)]
    versions = [curves.version for curves in told.curves]
    assert versions == sorted(set(versions))
    assert told.threads == {"curve-watcher"}


def test_a_folder_that_does_not_exist_yet_can_be_watched(manager: TensorBoardDataManager, tmp_path: Path) -> None:
    told = Told()
    manager.subscribe(tmp_path / "later", told)
    told.wait(has(0))
    write(tmp_path / "later", "1", [version(), scalar(1, 0.5)])
    told.wait(has(1))


def test_silence_tells_nothing(manager: TensorBoardDataManager, tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), scalar(1, 0.5)])
    told, later = Told(), Told()
    manager.subscribe(tmp_path, told)
    told.wait(has(1))
    time.sleep(3 * curve_watching.LOOK_SECONDS)
    manager.subscribe(tmp_path, later)
    assert later.wait(has(1)) is told.curves[-1]
    assert len(told.curves) == 1


def test_the_thread_lives_only_while_somebody_is_subscribed(manager: TensorBoardDataManager, tmp_path: Path) -> None:
    assert not watching_threads()
    told = [Told(), Told()]
    subscriptions = [manager.subscribe(tmp_path / str(number), one) for number, one in enumerate(told)]
    for one in told:
        one.wait(has(0))
    assert len(watching_threads()) == 1
    subscriptions[0].close()
    assert len(watching_threads()) == 1
    subscriptions[1].close()
    subscriptions[1].close()
    assert no_thread_is_left()
    manager.subscribe(tmp_path, told[0])
    assert len(watching_threads()) == 1


def test_a_closed_subscription_hears_nothing_more(manager: TensorBoardDataManager, tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    closed, other = Told(), Told()
    subscription = manager.subscribe(tmp_path, closed)
    manager.subscribe(tmp_path, other)
    closed.wait(has(1))
    subscription.close()
    append(path, scalar(2, 0.25))
    other.wait(has(2))
    assert len(closed.curves) == 1


def test_a_failing_listener_hurts_nobody_else(
    manager: TensorBoardDataManager, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    failed: list[int] = []

    def fail(curves: Curves) -> None:
        failed.append(len(points(curves)))
        raise RuntimeError("no")

    told = Told()
    manager.subscribe(tmp_path, fail)
    manager.subscribe(tmp_path, told)
    told.wait(has(1))
    append(path, scalar(2, 0.25))
    told.wait(has(2))
    assert failed == [1, 2]
    assert "A listener of curves failed." in caplog.text


def test_a_listener_may_ask_the_manager_and_close_itself(manager: TensorBoardDataManager, tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), scalar(1, 0.5)])
    done = threading.Event()
    subscriptions = []

    def listen(curves: Curves) -> None:
        assert is_subscribed.wait(LONG)
        assert manager.curves(tmp_path) is curves
        subscriptions[0].close()
        manager.close()
        done.set()

    is_subscribed = threading.Event()
    subscriptions.append(manager.subscribe(tmp_path, listen))
    is_subscribed.set()
    assert done.wait(LONG)
    assert no_thread_is_left()


def test_nobody_is_told_after_closing(tmp_path: Path) -> None:
    manager = TensorBoardDataManager(EventFolder, SystemClock())
    told = Told()
    manager.subscribe(tmp_path, told)
    told.wait(has(0))
    manager.close()
    manager.close()
    assert no_thread_is_left()
    manager.subscribe(tmp_path, told)
    assert not watching_threads()
    assert manager.curves(tmp_path).series == {}


def test_a_folder_that_cannot_be_read_hurts_no_other(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = ScriptedCurveSource(tmp_path)

    def read(folder: Path) -> Curves:
        if folder.name == "broken":
            raise RuntimeError("broken")
        return source.read()

    watcher = CurveWatcher(read, SystemClock())
    told, silent = Told(), Told()
    watcher.subscribe(tmp_path / "broken", silent)
    watcher.subscribe(tmp_path / "whole", told)
    told.wait(lambda curves: True)
    source.add("train/loss", 1, 0.5)
    told.wait(has(1))
    watcher.close()
    assert silent.curves == []
    assert "could not be read" in caplog.text


def test_watched_folders_stay_in_memory(tmp_path: Path) -> None:
    opened: list[ScriptedCurveSource] = []

    def open_folder(folder: Path) -> ScriptedCurveSource:
        opened.append(ScriptedCurveSource(folder, num_bytes=60))
        return opened[-1]

    manager = TensorBoardDataManager(open_folder, SystemClock(), max_bytes=100)
    told = Told()
    manager.subscribe(tmp_path / "watched", told)
    told.wait(lambda curves: True)
    for name in "abc":
        manager.curves(tmp_path / name)
    manager.curves(tmp_path / "watched")
    assert [source.folder.name for source in opened] == ["watched", "a", "b", "c"]
    manager.close()


def test_many_folders_grow_at_once_and_nothing_is_missed(manager: TensorBoardDataManager, tmp_path: Path) -> None:
    paths = [write(tmp_path / str(number), "1", [version()]) for number in range(40)]
    told = [Told() for _ in paths]
    for path, one in zip(paths, told, strict=True):
        manager.subscribe(path.parent, one)
    for step in range(1, 6):
        for path in paths:
            append(path, scalar(step, 0.5))
    for one in told:
        one.wait(has(5))


@pytest.mark.parametrize(("num_folders", "is_rare"), [(FEW, False), (FEW + 1, True)])
def test_quiet_folders_are_looked_at_rarely_only_when_they_are_many(
    tmp_path: Path, num_folders: int, *, is_rare: bool
) -> None:
    clock = FakeClock()
    sources: dict[str, ScriptedCurveSource] = {}
    for number in range(num_folders):
        sources[str(number)] = ScriptedCurveSource(tmp_path / str(number))
    sources["1"].add("a", 1, 0.5)  # a wall time of long ago
    watcher = CurveWatcher(lambda folder: sources[folder.name].read(), clock)
    told = [Told() for _ in sources]
    for name, one in zip(sources, told, strict=True):
        watcher.subscribe(tmp_path / name, one)
    for one in told:
        one.wait(lambda curves: True)
    rarely = curve_watching.QUIET_LOOK_SECONDS if is_rare else curve_watching.LOOK_SECONDS
    starting, finished = (watcher._watched[tmp_path / name] for name in ("0", "1"))
    assert watcher._pause(starting, 59.0) == curve_watching.LOOK_SECONDS
    assert watcher._pause(starting, 61.0) == rarely
    assert watcher._pause(finished, 1.0) == rarely
    sources["1"].add("a", 2, 0.25)
    clock.advance(curve_watching.QUIET_LOOK_SECONDS)
    with watcher._changed:
        watcher._changed.notify_all()
    told[1].wait(lambda curves: len(curves.series["a"]) == 2)
    assert watcher._pause(finished, 60.0) == curve_watching.LOOK_SECONDS
    watcher.close()
