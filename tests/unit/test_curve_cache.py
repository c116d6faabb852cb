"""CurveCache and KeptFolder: what was read once need not be read again, and what is wrong in the cache is nothing."""

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from backend.domain.curves import Curves, Damage
from backend.event_files import curve_cache, kept_folder
from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.identity import identify
from backend.event_files.kept_folder import QUIET_SECONDS, KeptFolder
from backend.probes.clock import SystemClock
from tests.fakes.clock import FakeClock
from tests.fakes.curves import differences, everything
from tests.fakes.event_bytes import append, points, restart, scalar, version, write


@dataclass
class Place:
    """A folder with one event file, and a cache beside it."""

    root: Path
    quiet_seconds: float = 0.0
    opened: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.run = self.root / "run"
        self.file = write(self.run, "1", [version(), scalar(1, 0.5), scalar(2, 0.25)])
        self.kept = self.root / "cache" / "curves"
        self.clock = SystemClock()
        self.cache = CurveCache(self.kept, self.clock)

    def open(self) -> KeptFolder:
        return KeptFolder(self.run, self._open, self.cache, self.clock, self.quiet_seconds)

    def _open(self, folder: Path) -> EventFolder:
        self.opened.append(folder)
        return EventFolder(folder)

    def settled(self) -> Path:
        source = self.open()
        source.read()
        assert source.settle()
        (kept,) = self.kept.iterdir()
        self.opened.clear()
        return kept


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_settled_folder_is_not_read_again(place: Place) -> None:
    place.settled()
    source = place.open()
    assert points(source.read()) == [(1, 0.5), (2, 0.25)]
    assert source.read() is source.read()
    assert source.is_settled
    assert place.opened == []


def test_every_field_comes_back(place: Place) -> None:
    told = everything()
    assert place.cache.store(place.run, identify(place.run), told)
    found = place.cache.load(place.run, identify(place.run))
    assert found is not None
    assert differences(told, found) == []


def test_curves_without_anything_come_back(place: Place) -> None:
    assert place.cache.store(place.run, identify(place.run), Curves(5, {}, ()))
    found = place.cache.load(place.run, identify(place.run))
    assert found is not None
    assert differences(Curves(5, {}, ()), found) == []


def test_arrays_from_the_cache_cannot_be_written_to(place: Place) -> None:
    place.settled()
    series = place.open().read().series["train/loss"]
    for array in (series.steps, series.values, series.wall_times):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_what_is_appended_later_is_read_and_kept_anew(place: Place) -> None:
    place.settled()
    source = place.open()
    before = source.read()
    append(place.file, scalar(3, 0.125))
    after = source.read()
    assert points(after) == [(1, 0.5), (2, 0.25), (3, 0.125)]
    assert after.version > before.version
    assert points(before) == [(1, 0.5), (2, 0.25)]
    assert not source.is_settled
    assert source.settle()
    place.opened.clear()
    assert points(place.open().read()) == points(after)
    assert place.opened == []


def _longer(place: Place) -> None:
    append(place.file, scalar(3, 0.125))


def _touched(place: Place) -> None:
    os.utime(place.file, ns=(1, 1))


def _rewritten_with_its_old_time(place: Place) -> None:
    status = place.file.stat()
    place.file.write_bytes(place.file.read_bytes())
    os.utime(place.file, ns=(status.st_atime_ns, status.st_mtime_ns))


def _replaced(place: Place) -> None:
    other = place.file.with_name("other")
    shutil.copy2(place.file, other)
    other.replace(place.file)


def _renamed(place: Place) -> None:
    place.file.rename(place.file.with_name("events.out.tfevents.2"))


def _joined(place: Place) -> None:
    write(place.run, "2", [version()])


def _nested(place: Place) -> None:
    write(place.run / "deep", "1", [version()])


@pytest.mark.parametrize(
    "change", [_longer, _touched, _rewritten_with_its_old_time, _replaced, _renamed, _joined, _nested]
)
def test_any_change_of_the_files_makes_them_be_read(place: Place, change: Callable[[Place], None]) -> None:
    place.settled()
    change(place)
    source = place.open()
    assert differences(EventFolder(place.run).read(), source.read()) == []
    assert place.opened == [place.run]


def test_the_same_files_elsewhere_are_another_folder(place: Place) -> None:
    place.settled()
    place.run.rename(place.root / "moved")
    moved = KeptFolder(place.root / "moved", place._open, place.cache, place.clock, 0.0)
    assert points(moved.read()) == [(1, 0.5), (2, 0.25)]
    assert place.opened == [place.root / "moved"]


def test_files_that_vanish_take_their_curves_with_them(place: Place) -> None:
    place.settled()
    source = place.open()
    source.read()
    shutil.rmtree(place.run)
    assert source.read().series == {}
    assert source.settle()


def test_nothing_is_kept_of_a_folder_without_event_files(place: Place) -> None:
    empty = KeptFolder(place.root / "nowhere", place._open, place.cache, place.clock, 0.0)
    assert empty.read().series == {}
    assert empty.settle()
    assert not place.kept.exists()


def test_a_file_that_changed_lately_is_not_kept_yet(tmp_path: Path) -> None:
    place = Place(tmp_path, QUIET_SECONDS)
    source = place.open()
    source.read()
    assert not source.settle()
    assert not source.is_settled
    assert not place.kept.exists()


def test_a_file_from_the_future_is_not_kept(place: Place) -> None:
    os.utime(place.file, (2**33, 2**33))
    source = place.open()
    source.read()
    assert not source.settle()


def test_what_changes_while_it_is_being_kept_is_not_kept(place: Place) -> None:
    class Growing(EventFolder):
        def read(self) -> Curves:
            read = super().read()
            append(place.file, scalar(9, 0.5))
            return read

    assert not KeptFolder(place.run, Growing, place.cache, place.clock, 0.0).settle()
    assert not place.kept.exists()


def test_payloads_are_verified_before_anything_is_kept(place: Place) -> None:
    acts: list[str] = []

    class Verifying(EventFolder):
        def verify(self) -> None:
            acts.append("verify")

        def read(self) -> Curves:
            acts.append("read")
            return super().read()

    assert KeptFolder(place.run, Verifying, place.cache, place.clock, 0.0).settle()
    assert acts[0] == "read"  # only what was read can be verified
    assert acts[-2:] == ["verify", "read"]


def test_damage_is_kept_when_a_second_look_finds_it_too(place: Place) -> None:
    data = bytearray(place.file.read_bytes())
    data[60] ^= 1
    place.file.write_bytes(data + scalar(3, 1.0))
    read = EventFolder(place.run).read()
    place.settled()
    assert differences(read, place.open().read()) == []
    assert place.opened == []


def test_what_the_system_refused_for_a_moment_is_not_kept(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> int:
        raise OSError(5, "Input/output error")

    source = place.open()
    with monkeypatch.context() as patched:
        patched.setattr("backend.event_files.reader.os.open", fail)
        assert source.read().damage
    assert source.settle()
    assert points(place.open().read()) == [(1, 0.5), (2, 0.25)]
    assert points(source.read()) == [(1, 0.5), (2, 0.25)]


class FoundBad(EventFolder):
    """Verification finds the last record bad."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._is_verified = False

    def verify(self) -> None:
        self._is_verified = True

    def read(self) -> Curves:
        read = super().read()
        return replace(read, damage=(Damage("1", 5, 9),)) if self._is_verified else read


@pytest.mark.parametrize("small_bytes", [10**9, 0])
def test_what_verification_finds_is_told_and_kept_whatever_the_size(
    place: Place, monkeypatch: pytest.MonkeyPatch, small_bytes: int
) -> None:
    monkeypatch.setattr(kept_folder, "_SMALL_BYTES", small_bytes)
    source = KeptFolder(place.run, FoundBad, place.cache, place.clock, 0.0)
    before = source.read()
    assert before.damage == ()
    assert source.settle()
    assert source.read().damage == place.open().read().damage == (Damage("1", 5, 9),)
    assert source.read().version > before.version


def test_a_large_folder_is_read_by_others_while_it_is_verified(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    is_verifying, may_end = threading.Event(), threading.Event()

    class Slow(EventFolder):
        def verify(self) -> None:
            is_verifying.set()
            assert may_end.wait(60)

    monkeypatch.setattr(kept_folder, "_SMALL_BYTES", 0)
    source = KeptFolder(place.run, Slow, place.cache, place.clock, 0.0)
    with ThreadPoolExecutor(1) as pool:
        settled = pool.submit(source.settle)
        try:
            assert is_verifying.wait(60)
            assert points(source.read()) == [(1, 0.5), (2, 0.25)]
        finally:
            may_end.set()
        assert settled.result(60)


@pytest.mark.parametrize("left", [b"", b"x", b"PSCURVE1", b"x" * 5_000])
def test_a_foreign_file_in_its_place_is_nothing_and_is_replaced(place: Place, left: bytes) -> None:
    kept = place.settled()
    kept.write_bytes(left)
    source = place.open()
    assert points(source.read()) == [(1, 0.5), (2, 0.25)]
    assert source.settle()
    place.opened.clear()
    assert points(place.open().read()) == [(1, 0.5), (2, 0.25)]
    assert place.opened == []


def test_a_folder_in_its_place_is_nothing(place: Place) -> None:
    kept = place.settled()
    kept.unlink()
    kept.mkdir()
    source = place.open()
    assert points(source.read()) == [(1, 0.5), (2, 0.25)]
    source.settle()
    assert kept.is_dir()


def test_a_cache_of_another_reader_is_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.settled()
    monkeypatch.setattr(curve_cache, "_reader", lambda: b"another")
    place.open().read()
    assert place.opened == [place.run]


def test_deleting_the_cache_is_harmless_also_while_it_is_used(place: Place) -> None:
    place.settled()
    source = place.open()
    before = source.read()
    shutil.rmtree(place.root / "cache")
    assert points(before) == points(source.read()) == [(1, 0.5), (2, 0.25)]
    assert points(place.open().read()) == [(1, 0.5), (2, 0.25)]


def test_a_cache_that_cannot_be_written_is_no_error(place: Place) -> None:
    place.kept.parent.mkdir()
    place.kept.write_text("a file where the folder should be")
    source = place.open()
    assert points(source.read()) == [(1, 0.5), (2, 0.25)]
    assert source.settle()
    assert not place.cache.store(place.run, identify(place.run), source.read())


def test_nothing_is_written_into_the_run(place: Place) -> None:
    before = sorted(place.run.rglob("*"))
    place.settled()
    assert sorted(place.run.rglob("*")) == before


def test_restarts_survive_the_cache(place: Place) -> None:
    write(place.run, "2", [version(), restart(2), scalar(2, 9.0)])
    place.settled()
    assert points(place.open().read()) == [(1, 0.5), (2, 9.0)]
    assert place.opened == []


def _stored(folder: Path, name: str, cache: CurveCache) -> None:
    write(folder / name, "1", [version()])
    assert cache.store(folder / name, identify(folder / name), everything())


def _is_kept(folder: Path, name: str, cache: CurveCache) -> bool:
    return cache.load(folder / name, identify(folder / name)) is not None


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    clock = SystemClock()
    _stored(tmp_path, "probe", CurveCache(tmp_path / "probe cache", clock))
    (probe,) = (tmp_path / "probe cache").iterdir()
    size = probe.stat().st_size
    cache = CurveCache(tmp_path / "cache", clock, max_bytes=10 * size + size // 2)
    for number in range(10):
        _stored(tmp_path, str(number), cache)
    for number, path in enumerate(sorted((tmp_path / "cache").iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, (1_000 * number, 1_000 * number))
    used = FakeClock()
    assert _is_kept(tmp_path, "0", CurveCache(tmp_path / "cache", used))
    _stored(tmp_path, "one more", cache)
    assert [number for number in range(10) if not _is_kept(tmp_path, str(number), cache)] == [1, 2]
    assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= 10 * size


def test_a_folder_too_large_for_the_cache_pushes_nothing_out(tmp_path: Path) -> None:
    clock = SystemClock()
    cache = CurveCache(tmp_path / "cache", clock, max_bytes=100)
    write(tmp_path / "run", "1", [version()])
    assert not cache.store(tmp_path / "run", identify(tmp_path / "run"), everything())
    assert not (tmp_path / "cache").exists()


def test_what_a_killed_writer_left_is_removed_later(place: Place) -> None:
    place.kept.mkdir(parents=True)
    fresh, old, foreign = (place.kept / name for name in (".fresh.tmp", ".old.tmp", "somebody's"))
    for path in (fresh, old, foreign):
        path.write_bytes(b"half")
    os.utime(old, (1_000, 1_000))
    place.cache.store(place.run, identify(place.run), everything())
    assert (fresh.exists(), old.exists(), foreign.exists()) == (True, False, True)


def test_a_cache_whose_times_cannot_be_set_is_used_all_the_same(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = place.settled()
    os.utime(kept, (1, 1))

    def refuse(*_args: object) -> None:
        raise PermissionError(1, "Operation not permitted")  # another person's file, or a disk for reading only

    monkeypatch.setattr("backend.event_files.curve_cache.os.utime", refuse)
    assert points(place.open().read()) == [(1, 0.5), (2, 0.25)]
    assert place.opened == []


@pytest.mark.parametrize("small_bytes", [10**9, 0])
def test_what_could_not_be_verified_is_not_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch, small_bytes: int
) -> None:
    monkeypatch.setattr(kept_folder, "_SMALL_BYTES", small_bytes)
    place.file.write_bytes(version() + b"".join(scalar(step, step / 8) for step in range(5_000)))
    source = KeptFolder(place.run, Unverifiable, place.cache, place.clock, 0.0)
    assert len(points(source.read())) == 5_000
    assert not source.settle()
    assert not source.is_settled
    assert not place.kept.exists()


class Unverifiable(EventFolder):
    """The system refuses to open files for verification, as when a process has too many of them open."""

    def verify(self, max_bytes: int = 2**63 - 1) -> Curves:
        assert self.num_unverified_bytes
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("backend.event_files.reader.os.open", _refuse)
            return super().verify(max_bytes)


def _refuse(*_args: object) -> int:
    raise OSError(24, "Too many open files")
