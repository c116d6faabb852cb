"""TensorBoardDataManager: many folders, many threads, bounded memory."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from backend.domain.curve_glimpses import LastPoint, LastPoints, Preview
from backend.domain.curves import Curves
from backend.event_files.folder import EventFolder
from backend.event_files.glimpses import FileGlimpses
from backend.services.tensorboard_data import ANSWER_SECONDS, TensorBoardDataManager
from tests.fakes.clock import FakeClock
from tests.fakes.curve_source import ScriptedCurveSource
from tests.fakes.event_bytes import append, points, scalar, version, write


class Opened:
    """A factory that remembers its sources."""

    def __init__(self, num_bytes: int = 0) -> None:
        self._num_bytes = num_bytes
        self.sources: list[ScriptedCurveSource] = []

    def __call__(self, folder: Path) -> ScriptedCurveSource:
        self.sources.append(ScriptedCurveSource(folder, self._num_bytes))
        return self.sources[-1]


def test_the_same_snapshot_is_returned_until_something_is_appended(tmp_path: Path) -> None:
    opened = Opened()
    manager = TensorBoardDataManager(opened, FakeClock())
    first = manager.curves(tmp_path)
    assert manager.curves(tmp_path) is first
    opened.sources[0].add("a", 1, 2.0)
    second = manager.curves(tmp_path)
    assert second.version > first.version
    assert points(second, "a") == [(1, 2.0)]
    assert len(opened.sources) == 1


def test_versions_rise_also_when_a_folder_was_forgotten(tmp_path: Path) -> None:
    opened = Opened()
    manager = TensorBoardDataManager(opened, FakeClock())
    before = manager.curves(tmp_path)
    manager.forget(tmp_path)
    assert manager.curves(tmp_path).version > before.version
    assert len(opened.sources) == 2


def test_forgetting_an_unknown_folder_is_fine(tmp_path: Path) -> None:
    TensorBoardDataManager(Opened(), FakeClock()).forget(tmp_path)


def test_relative_and_absolute_paths_are_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    opened = Opened()
    manager = TensorBoardDataManager(opened, FakeClock())
    assert manager.curves(Path("run")) is manager.curves(tmp_path / "run")
    assert [source.folder for source in opened.sources] == [tmp_path / "run"]


def test_folders_not_asked_for_lately_are_forgotten_when_memory_is_used_up(tmp_path: Path) -> None:
    opened = Opened(num_bytes=40)
    manager = TensorBoardDataManager(opened, FakeClock(), max_bytes=100)
    for name in ("a", "b", "a", "c", "a", "c"):
        manager.curves(tmp_path / name)
    assert [source.folder.name for source in opened.sources] == ["a", "b", "c"]
    manager.curves(tmp_path / "b")
    assert [source.folder.name for source in opened.sources] == ["a", "b", "c", "b"]


def test_a_folder_larger_than_the_limit_is_kept_while_it_is_the_last(tmp_path: Path) -> None:
    opened = Opened(num_bytes=1000)
    manager = TensorBoardDataManager(opened, FakeClock(), max_bytes=100)
    assert manager.curves(tmp_path) is manager.curves(tmp_path)
    assert len(opened.sources) == 1


def test_real_event_files_are_followed(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    manager = TensorBoardDataManager(EventFolder, FakeClock())
    first = manager.curves(tmp_path)
    append(path, scalar(2, 0.25))
    assert points(first) == [(1, 0.5)]
    assert points(manager.curves(tmp_path)) == [(1, 0.5), (2, 0.25)]


def test_a_slow_folder_does_not_hold_up_another(tmp_path: Path) -> None:
    is_reading, may_go_on = threading.Event(), threading.Event()

    class Slow(ScriptedCurveSource):
        def read(self) -> Curves:
            if self.folder.name == "slow":
                is_reading.set()
                assert may_go_on.wait(60)
            return super().read()

    manager = TensorBoardDataManager(Slow, FakeClock())
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(manager.curves, tmp_path / "slow")
        try:
            assert is_reading.wait(60)
            assert manager.curves(tmp_path / "fast").version > 0
        finally:
            may_go_on.set()
        assert slow.result(60).version > 0


class CountedGlimpses:
    """Real glimpses that count how often the files were looked at."""

    def __init__(self) -> None:
        self._real = FileGlimpses()
        self.looks = 0

    def last_points(self, folder: Path) -> LastPoints:
        self.looks += 1
        return self._real.last_points(folder)

    def preview(self, folder: Path) -> Preview:
        self.looks += 1
        return self._real.preview(folder)


def test_last_values_need_no_reading_of_the_whole(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5), scalar(2, 0.25), scalar(2, 4.0, "eval/loss")])
    opened, glimpses, clock = Opened(), CountedGlimpses(), FakeClock()
    manager = TensorBoardDataManager(opened, clock, glimpses)
    expected = {"train/loss": LastPoint(2, 0.25, 1002.0), "eval/loss": LastPoint(2, 4.0, 1002.0)}
    assert [dict(manager.last_values(tmp_path).points) for _ in range(3)] == [expected] * 3
    assert glimpses.looks == 1
    append(path, scalar(3, 0.125))
    clock.advance(ANSWER_SECONDS)
    assert manager.last_values(tmp_path).points["train/loss"] == LastPoint(3, 0.125, 1003.0)
    assert glimpses.looks == 2
    assert opened.sources == []


def test_last_values_of_curves_in_memory_are_those_of_the_curves(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    glimpses = CountedGlimpses()
    manager = TensorBoardDataManager(EventFolder, FakeClock(), glimpses)
    manager.curves(tmp_path)
    append(path, scalar(2, 0.25))
    assert dict(manager.last_values(tmp_path).points) == {"train/loss": LastPoint(2, 0.25, 1002.0)}
    assert manager.last_values(tmp_path).is_complete
    assert points(Curves(1, manager.preview(tmp_path).series, ())) == [(1, 0.5), (2, 0.25)]
    assert glimpses.looks == 0


def test_a_preview_needs_no_reading_of_the_whole(tmp_path: Path) -> None:
    write(tmp_path, "1", [version(), scalar(1, 0.5), scalar(2, 0.25)])
    opened = Opened()
    manager = TensorBoardDataManager(opened, FakeClock(), CountedGlimpses())
    assert points(Curves(1, manager.preview(tmp_path).series, ())) == [(1, 0.5), (2, 0.25)]
    assert opened.sources == []


def test_a_folder_that_is_missing_has_no_last_values(tmp_path: Path) -> None:
    manager = TensorBoardDataManager(EventFolder, FakeClock(), CountedGlimpses())
    assert manager.last_values(tmp_path / "nowhere").points == {}
    assert manager.preview(tmp_path / "nowhere").series == {}


def test_what_was_forgotten_is_looked_at_anew(tmp_path: Path) -> None:
    path = write(tmp_path, "1", [version(), scalar(1, 0.5)])
    manager = TensorBoardDataManager(EventFolder, FakeClock(), CountedGlimpses())
    manager.last_values(tmp_path)
    path.unlink()
    manager.forget(tmp_path)
    assert manager.last_values(tmp_path).points == {}


def _write_attempt(folder: Path, number: int, steps: range) -> None:
    writer = EventFileWriter(str(folder), filename_suffix=f".{number}")
    if number:
        writer.add_event(Event(step=steps[0], session_log=SessionLog(status=SessionLog.START)))
    for step in steps:
        value = Summary.Value(tag="train/loss", simple_value=float(number))
        writer.add_event(Event(wall_time=float(step), step=step, summary=Summary(value=[value])))
        writer.flush()
    writer.close()


def test_readers_see_a_run_grow_while_it_is_written(tmp_path: Path) -> None:
    attempts = [range(1, 150), range(100, 250), range(200, 301)]
    expected = [(step, 0.0 if step < 100 else 1.0 if step < 200 else 2.0) for step in range(1, 301)]
    manager = TensorBoardDataManager(EventFolder, FakeClock())
    is_written = threading.Event()
    have_seen_points = [threading.Event() for _ in range(4)]

    def watch(has_seen_points: threading.Event) -> list[Curves]:
        seen = [manager.curves(tmp_path)]
        while not is_written.is_set():
            curves = manager.curves(tmp_path)
            if curves is not seen[-1]:
                seen.append(curves)
            if curves.series:
                has_seen_points.set()
        return [*seen, manager.curves(tmp_path)]

    with ThreadPoolExecutor(4) as pool:
        watchers = [pool.submit(watch, event) for event in have_seen_points]
        try:
            for number, steps in enumerate(attempts):
                _write_attempt(tmp_path, number, steps)
                assert all(event.wait(60) for event in have_seen_points)
        finally:
            is_written.set()
        seen_by_each = [watcher.result(120) for watcher in watchers]
    for seen in seen_by_each:
        assert [curves.version for curves in seen] == sorted(curves.version for curves in seen)
        for curves in seen:
            steps_seen = [step for step, _ in points(curves)]
            assert steps_seen == list(range(1, len(steps_seen) + 1))
            assert curves.damage == ()
        assert points(seen[-1]) == expected
