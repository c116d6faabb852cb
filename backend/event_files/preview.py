"""preview: a sample of every curve of a file or folder, in the same time whatever the size."""

import math
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

import numpy as np

from backend.domain.curve_glimpses import Preview
from backend.domain.curve_merging import Points, Restart, Stretch, merge, surviving
from backend.domain.curves import MAX_TAGS, Series
from backend.event_files.decoding import decode
from backend.event_files.event import parse_event
from backend.event_files.headers import Headers
from backend.event_files.listing import EventFile, event_files, name_in_folder
from backend.event_files.sampling import Sample, sample
from backend.event_files.wire import MalformedRecord

NUM_READS = 1_000
_NO_POINTS = Points(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


def preview(path: Path, num_reads: int = NUM_READS) -> Preview:
    """Sampled series of a file, or of a folder with its nested ones: steps rise, each point was really written.

    A file of at most 1 MiB is read whole. Restart markers between the reads are not seen: where steps go back, some
    void points may stay; a read that lies wholly inside a text that holds an event file cannot be told from others.
    Nothing if there is no such file.
    """
    files = event_files(path) if path.is_dir() else [EventFile(path, "", path.name)]
    sizes = {file: _size(file.path) for file in files}
    total = sum(sizes.values())
    headers = Headers()
    parts = []
    for file in files:
        found = sample(file.path, round(num_reads * sizes[file] / max(1, total)), headers)
        if found is not None:
            parts.append(_part(file, found))
    total = max(total, sum(part.num_bytes for part in parts))
    num_bytes_read = sum(part.num_bytes_read for part in parts)
    share = min(1.0, num_bytes_read / total) if total else 1.0
    return Preview(MappingProxyType(_merged(parts)), share, num_bytes_read)


@dataclass(frozen=True, slots=True)
class _Part:
    """What the sample of one file says."""

    file: EventFile
    points: dict[str, Points]
    restarts: tuple[Restart, ...]
    started_at: float
    num_bytes: int
    num_bytes_read: int

    def stretch(self, tag: str) -> Stretch:
        """A restart marker speaks for all tags."""
        return surviving(self.points.get(tag, _NO_POINTS), self.restarts)


def _part(file: EventFile, found: Sample) -> _Part:
    decoded = decode(found.data, found.starts, found.lengths, 0, set())
    return _Part(file, decoded.points, decoded.restarts, _started_at(found), found.num_bytes, found.num_bytes_read)


def _merged(parts: list[_Part]) -> dict[str, Series]:
    """Attempts merged, as EventFolder does it."""
    series: dict[str, Series] = {}
    for group, files in groupby(sorted(parts, key=_order), key=lambda part: part.file.group):
        attempts = list(files)
        for tag in dict.fromkeys(tag for part in attempts for tag in part.points):
            one = merge(name_in_folder(group, tag, series), [part.stretch(tag) for part in attempts])
            if len(one) and len(series) < MAX_TAGS:
                series[one.tag] = one
    return series


def _order(part: _Part) -> tuple[str, int, float, str]:
    return part.file.group, part.file.timestamp, part.started_at, part.file.name


def _started_at(found: Sample) -> float:
    """Wall time of the first record in seconds, 0 if there is none."""
    if not len(found.starts):
        return 0.0
    record = found.data[found.starts[0] : found.starts[0] + found.lengths[0]]
    try:
        wall_time = parse_event(record).wall_time(record)
    except MalformedRecord:
        return 0.0
    return wall_time if math.isfinite(wall_time) else 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
