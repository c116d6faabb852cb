"""KeptFolder: a folder of event files that is read only if the cache does not know it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Protocol, runtime_checkable

from backend.domain.clock import Clock
from backend.domain.curves import Curves, CurveSource
from backend.event_files.curve_cache import CurveCache
from backend.event_files.identity import FolderIdentity, identify

QUIET_SECONDS = 60.0  # a file that has not changed for so long counts as finished
_SMALL_BYTES = 32 * 1024**2  # of points: verified in a fraction of a second
_BYTES_PER_SERIES = 1_024  # of the objects around the arrays, roughly


@runtime_checkable
class Verifying(Protocol):
    """A source that can look at every checksum."""

    @property
    def num_unverified_bytes(self) -> int:
        """How much `verify` has to read; not 0 after it where the system refused."""

    def verify(self) -> object:
        """Check what was read without checking; what is damaged is not told any more by the next `read`."""


class KeptFolder:
    """A SettlingSource.

    While the files are those that the cache knows, its mapped columns are told, and nothing is read. From their first
    change on the source that `open_folder` gives is asked.
    """

    def __init__(
        self,
        folder: Path,
        open_folder: Callable[[Path], CurveSource],
        cache: CurveCache,
        clock: Clock,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._folder = folder
        self._open_folder = open_folder
        self._cache = cache
        self._clock = clock
        self._quiet_seconds = quiet_seconds
        self._source: CurveSource | None = None
        self._kept: tuple[FolderIdentity, Curves] | None = None
        self._read: Curves | None = None
        self._told: Curves | None = None
        self.is_settled = False
        self._lock = Lock()  # reading and settling are done by different threads

    @property
    def num_bytes(self) -> int:
        """Roughly the memory held; mapped pages count like others, since they are touched."""
        source, kept = self._source, self._kept  # the other thread may be changing them
        if source is not None:
            return source.num_bytes
        return 0 if kept is None else _num_bytes(kept[1])

    def read(self) -> Curves:
        """Everything readable by now: the same object as last time if nothing was added."""
        with self._lock:
            curves = self._from_cache() if self._source is None else None
            if curves is None:
                curves = self._opened().read()
            if self._told is None or curves is not self._read:
                version = 1 if self._told is None else self._told.version + 1
                told = curves if curves.version == version else replace(curves, version=version)
                self._read, self._told = curves, told
                self.is_settled = self._source is None
            return self._told

    def settle(self) -> bool:
        """Verify and keep what has not changed for a while; False if it is too early, or changed meanwhile.

        Another thread may read at the same time; it waits at most for the verification of a small folder.
        """
        before = identify(self._folder)
        if not before.is_quiet(self._clock.now().timestamp(), self._quiet_seconds):
            return False
        self.is_settled = True  # until `read` tells something new
        if before.files and not self._is_kept():
            curves = self._verified()
            if curves is None or identify(self._folder) != before:
                self.is_settled = False
                return False
            self._cache.store(self._folder, before, curves)
        return True

    def _is_kept(self) -> bool:
        with self._lock:
            return self._source is None and self._from_cache() is not None

    def _verified(self) -> Curves | None:
        """By a source of its own where that takes long, or where it may have been the disk that failed once.

        None where not all could be verified.
        """
        with self._lock:
            source = self._opened()
            known = source.read()
            if source.num_bytes <= _SMALL_BYTES and not known.damage:
                verified = _verified(source)
                if verified is None or not verified.damage:
                    return verified
                known = verified
        another = self._open_folder(self._folder)
        curves = _verified(another)
        if curves is not None and curves.damage != known.damage:
            with self._lock:
                self._source = another  # what it has found is told from now on
        return curves

    def _opened(self) -> CurveSource:
        if self._source is None:
            self._source, self._kept = self._open_folder(self._folder), None
        return self._source

    def _from_cache(self) -> Curves | None:
        identity = identify(self._folder)
        if self._kept is None or self._kept[0] != identity:
            found = self._cache.load(self._folder, identity)
            self._kept = None if found is None else (identity, found)
        return None if self._kept is None else self._kept[1]


def _verified(source: CurveSource) -> Curves | None:
    curves = source.read()
    if isinstance(source, Verifying):
        source.verify()
        curves = source.read()
        if source.num_unverified_bytes:
            return None
    return curves


def _num_bytes(curves: Curves) -> int:
    series = [*curves.series.values(), *(one for many in curves.ghosts.values() for one in many)]
    points = sum(one.steps.nbytes + one.values.nbytes + one.wall_times.nbytes for one in series)
    return points + _BYTES_PER_SERIES * len(series)
