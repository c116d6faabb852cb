"""TailReader: the last point of every tag of a run, read from the ends of its files."""

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from backend.domain.curve_glimpses import LastPoint, LastPoints
from backend.domain.curves import MAX_TAGS
from backend.event_files.headers import Headers
from backend.event_files.listing import EventFile, event_files, name_in_folder, readable
from backend.event_files.record_shapes import RecordShapes
from backend.event_files.tail_file import TailFile

WINDOW_BYTES = 4_096
MAX_WINDOW_BYTES = 1024**2  # of a file ...
_MAX_WINDOWS = 8  # ... and of so many files of a run


class TailReader:
    """What it learns of records in one file speeds up the next; safe from any thread.

    The last point of a tag is the last one written, unless a restart marker behind it made it void. Mostly both lie
    near the end of the newest file; the window grows, up to `max_window_bytes` per file, while a tag that is known to
    exist was not seen. A tag that occurs neither in the first KiB of a file, nor in a window, nor in `known` is not
    told.
    """

    def __init__(self, window_bytes: int = WINDOW_BYTES, max_window_bytes: int = MAX_WINDOW_BYTES) -> None:
        self._window_bytes = window_bytes
        self._max_window_bytes = max(window_bytes, max_window_bytes)
        self._headers = Headers()
        self._shapes = RecordShapes()

    def of_folder(self, folder: Path, known: Collection[str] = ()) -> LastPoints:
        """What EventFolder tells last of each tag; nested folders are prefixes. Nothing if there is no folder."""
        parts = []
        points: dict[str, LastPoint] = {}
        missing: set[str] = set()
        for group, files in groupby(sorted(event_files(folder), key=_group), key=_group):
            part = self._last_points(list(files), _inside(group, known))
            parts.append(part)
            missing.update(name_in_folder(group, tag, ()) for tag in part.missing)
            for tag, point in part.points.items():
                points[name_in_folder(group, tag, points)] = point
        return LastPoints(
            MappingProxyType(dict(list(points.items())[:MAX_TAGS])),
            frozenset(missing - points.keys()),
            all(part.is_complete for part in parts) and len(points) <= MAX_TAGS,
            sum(part.num_bytes_read for part in parts),
        )

    def of_files(self, folder: Path, names: Iterable[str], known: Collection[str] = ()) -> LastPoints:
        """The same of some event files directly in a folder, such as those of a FoundRun."""
        return self._last_points([EventFile(_real(folder / name), "", name) for name in names], known)

    def _last_points(self, files: Sequence[EventFile], known: Collection[str]) -> LastPoints:
        tails = [TailFile(file, self._headers, self._shapes, self._window_bytes) for file in files]
        tails.sort(key=lambda tail: (tail.file.timestamp, tail.started_at, tail.file.name), reverse=True)
        return _merged(tails, set(known), self._max_window_bytes)


def _merged(tails: Sequence[TailFile], expected: set[str], max_bytes: int) -> LastPoints:
    """From the newest file to the oldest: what an older one says counts only if all that came later was read."""
    for tail in tails:
        expected |= tail.tags()
    points: dict[str, LastPoint] = {}
    cut: int | None = None
    is_complete = True
    rest = _MAX_WINDOWS * max_bytes
    for tail in tails:
        window = tail.window(cut, expected - points.keys(), max(0, min(max_bytes, rest)))
        rest -= tail.num_bytes_read
        points = window.points | points
        expected |= window.tags
        cut = window.cut
        is_complete = window.is_whole and tail.is_readable
        if not is_complete:
            break
    missing = frozenset() if is_complete else frozenset(expected - points.keys())
    return LastPoints(MappingProxyType(points), missing, is_complete, sum(tail.num_bytes_read for tail in tails))


def _real(path: Path) -> Path:
    return path.resolve() if path.is_symlink() else path


def _group(file: EventFile) -> str:
    return file.group


def _inside(group: str, tags: Collection[str]) -> list[str]:
    """Those tags of a folder that a nested one may hold, by their names there; without a group, all of them."""
    group = readable(group)
    return [tag.removeprefix(f"{group}/") for tag in tags if not group or tag.startswith(f"{group}/")]
