"""TensorBoardDataManager: the curves of any folder of event files, always up to date."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Lock
from typing import cast

from backend.domain.clock import Clock
from backend.domain.curve_glimpses import CurveGlimpses, LastPoints, Preview, last_points
from backend.domain.curves import Curves, CurveSource, SettlingSource
from backend.services.curve_settling import CurveSettler
from backend.services.curve_watching import CurveWatcher, Listener, Subscription
from backend.services.data_cache import DataCache

DEFAULT_MAX_BYTES = 512 * 1024**2
ANSWER_SECONDS = 5.0
MAX_ANSWERS = 20_000  # as many folders as find_runs finds


class _Folder:
    """A source, its lock, and the snapshot that was handed out last."""

    def __init__(self, source: CurveSource) -> None:
        self.lock = Lock()
        self._source = source
        self._settling = cast("SettlingSource", source) if hasattr(source, "settle") else None  # isinstance costs more
        self._read: Curves | None = None
        self._snapshot: Curves | None = None
        self.num_bytes = 0
        self.num_bytes_counted = 0  # in the manager's sum; touched under its lock only

    @property
    def is_settled(self) -> bool:
        """Whether the source has nothing to do in the background."""
        return self._settling is None or self._settling.is_settled

    def settle(self) -> bool:
        """Let the source check and keep what does not change any more; False if it is too early."""
        return self._settling is None or self._settling.settle()

    def curves(self, versions: "count[int]") -> Curves:
        """The same object while the source says nothing new; versions also rise over forgotten folders."""
        with self.lock:
            read = self._source.read()
            if self._snapshot is None or read is not self._read:
                self._read, self._snapshot = read, replace(read, version=next(versions))
                self.num_bytes = self._source.num_bytes
            return self._snapshot


class TensorBoardDataManager:
    """Safe from any thread: folders are read side by side, and each folder by one thread at a time.

    `open_folder` makes the reader of a folder. When more than `max_bytes` of points are in memory, the
    folders that were asked for least recently are forgotten, to be read again when asked for; the last one
    and those that somebody is subscribed to always stay.
    """

    def __init__(
        self,
        open_folder: Callable[[Path], CurveSource],
        clock: Clock,
        glimpses: CurveGlimpses | None = None,
        max_bytes: int = DEFAULT_MAX_BYTES,
    ) -> None:
        self._open_folder = open_folder
        self._glimpses = glimpses
        self.answers = DataCache(clock, ANSWER_SECONDS, MAX_ANSWERS)
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._versions = count(1)
        self._folders: OrderedDict[Path, _Folder] = OrderedDict()
        self._num_bytes = 0  # of all of them, as last counted
        self._watcher = CurveWatcher(self.curves, clock)
        self._settler = CurveSettler(self._settle, clock)

    def curves(self, folder: Path) -> Curves:
        """All that can be read by now: the same object as before if nothing was appended.

        A folder that is missing or has no event files has no series. Damaged bytes are listed, not raised.
        """
        key = folder.absolute()
        with self._lock:
            known = self._folders.get(key)
            if known is None:
                known = self._folders[key] = _Folder(self._open_folder(key))
            self._folders.move_to_end(key)
        curves = known.curves(self._versions)
        if not known.is_settled:
            self._settler.offer(key)
        with self._lock:
            self._count(key, known)
        return curves

    def once(self, folder: Path) -> Curves:
        """The same without keeping it: what is not in memory yet is read, and let go. For a look at many runs."""
        key = folder.absolute()
        return self.curves(key) if self._is_known(key) else _Folder(self._open_folder(key)).curves(self._versions)

    def last_values(self, folder: Path) -> LastPoints:
        """The last point of every tag, as it was at most ANSWER_SECONDS ago.

        Taken from the curves if they are in memory, else from the ends of the files, however large they are.
        """
        key = folder.absolute()
        if self._glimpses is None or self._is_known(key):
            return last_points(self.curves(key))
        glimpses = self._glimpses
        return self.answers.get_or_compute(("last", key), lambda: glimpses.last_points(key))

    def preview(self, folder: Path) -> Preview:
        """A sample of every curve within the same short time whatever the size; the whole if it is in memory."""
        key = folder.absolute()
        if self._glimpses is None or self._is_known(key):
            return Preview(self.curves(key).series, 1.0, 0)
        return self._glimpses.preview(key)

    def subscribe(self, folder: Path, listener: Listener) -> Subscription:
        """Have a listener called with what there is now, then with everything new: see CurveWatcher."""
        return self._watcher.subscribe(folder, listener)

    def forget(self, folder: Path) -> None:
        """Free the memory of a folder, such as that of a deleted run. A folder that is not known is fine."""
        key = folder.absolute()
        self._settler.withdraw(key)
        self.answers.invalidate(("last", key))
        with self._lock:
            self._drop(key)

    def let_go(self) -> None:
        """Free the memory of all folders but those that somebody is subscribed to; they are read again when needed."""
        self.answers.invalidate()
        with self._lock:
            for key in [key for key in self._folders if not self._watcher.is_watched(key)]:
                self._drop(key)

    def close(self) -> None:
        """End the threads; curves can still be asked for."""
        self._watcher.close()
        self._settler.close()

    def _is_known(self, key: Path) -> bool:
        with self._lock:
            return key in self._folders

    def _settle(self, key: Path) -> bool:
        """A folder that went from memory meanwhile is read once more, by itself, and let go."""
        with self._lock:
            known = self._folders.get(key)
        return (known or _Folder(self._open_folder(key))).settle()

    def _count(self, key: Path, known: _Folder) -> None:
        """Take in what a folder holds by now, and forget others while that is too much."""
        if self._folders.get(key) is known:
            self._num_bytes += known.num_bytes - known.num_bytes_counted
            known.num_bytes_counted = known.num_bytes
        if self._num_bytes > self._max_bytes:
            for other in list(self._folders)[:-1]:
                if self._num_bytes > self._max_bytes and not self._watcher.is_watched(other):
                    self._drop(other)

    def _drop(self, key: Path) -> None:
        dropped = self._folders.pop(key, None)
        self._num_bytes -= 0 if dropped is None else dropped.num_bytes_counted
