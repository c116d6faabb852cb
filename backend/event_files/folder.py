"""EventFolder: the curves of one folder of event files, kept up to date."""

import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from backend.domain.curve_merging import lower
from backend.domain.curves import MAX_TAGS, Curves, Kind, Other, Place, Series
from backend.event_files.file_curves import FileCurves
from backend.event_files.listing import EventFile, event_files, name_in_folder
from backend.event_files.merging import MergedTag
from backend.event_files.others import OtherRecords


class EventFolder:
    """A CurveSource over the event files of a folder, whose attempts follow one another file by file.

    Files are ordered by the timestamp in their name, then by the wall time of their first record (two
    attempts may begin in one second), then by name. A nested folder is a curve of its own, as in TensorBoard:
    its tags are prefixed with its name (torch's `add_scalars` writes the same tag into many folders).

    Most payloads of a large file are not checked against their checksums when they are read; `verify` does it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[EventFile, FileCurves] = {}
        self._merged: dict[tuple[str, str], MergedTag] = {}
        self._others: Mapping[str, Other] = MappingProxyType({})
        self._others_key: list[tuple[OtherRecords, int, int | None]] = []
        self._curves = Curves(0, MappingProxyType({}), ())

    @property
    def num_bytes(self) -> int:
        """Roughly the memory held."""
        of_files = sum(file.num_bytes for file in self._files.values())
        return of_files + sum(merged.num_bytes for merged in self._merged.values())

    @property
    def num_unverified_bytes(self) -> int:
        """How much `verify` has to read."""
        return sum(file.num_unverified_bytes for file in self._files.values())

    def read(self) -> Curves:
        """Everything readable by now: the same object as last time if nothing was added."""
        if self._refresh() or not self._curves.version:
            self._curves = self._merge()
        return self._curves

    def verify(self, max_bytes: int = sys.maxsize) -> Curves:
        """Check what was read without checking: all, or about so many bytes of each file, to go on in the next call.

        Damaged records are dropped and told from now on; without any the curves are those of the last `read`.
        """
        was_damaged = [file.verify(max_bytes) for file in self._files.values()]
        if any(was_damaged):
            self._curves = self._merge()
        return self._curves

    def _refresh(self) -> bool:
        found = event_files(self._folder)
        vanished = self._files.keys() - set(found)
        for file in vanished:
            del self._files[file]
        for file in found:
            if file not in self._files:
                self._files[file] = FileCurves(file.path, file.relative)
        num_changed = sum(curves.refresh() for curves in self._files.values())
        return bool(vanished or num_changed)

    def _merge(self) -> Curves:
        series: dict[str, Series] = {}
        ghosts: dict[str, tuple[Series, ...]] = {}
        num_repeats: dict[str, int] = {}
        restarts: tuple[int, ...] = ()
        num_ignored = sum(curves.num_ignored_points for curves in self._files.values())
        merged_before, self._merged = self._merged, {}
        for group, files in self._groups():
            restarts = restarts or _restarts(files)
            for tag in dict.fromkeys(tag for file in files for tag in file.tags):
                name = name_in_folder(group, tag, series)
                if len(series) >= MAX_TAGS:
                    num_ignored += sum(len(file.strand(tag)) for file in files)
                    continue
                merged = merged_before.get((group, tag))
                if merged is None or merged.tag != name:
                    merged = MergedTag(name)
                merged.update([file.strand(tag) for file in files if file.says(tag)])
                self._merged[group, tag] = merged
                if len(merged.series):
                    series[name] = merged.series
                if merged.ghosts:
                    ghosts[name] = merged.ghosts
                if merged.num_repeats:
                    num_repeats[name] = merged.num_repeats
        return Curves(
            self._curves.version + 1,
            MappingProxyType(series),
            tuple(damage for curves in self._files.values() for damage in curves.damage),
            num_ignored,
            MappingProxyType(ghosts),
            restarts,
            self._merge_others(),
            MappingProxyType(num_repeats),
        )

    def _merge_others(self) -> Mapping[str, Other]:
        key = [(file.others, file.others.num_added, file.restart_step) for file in self._files.values()]
        if key != self._others_key:
            others: dict[str, Other] = {}
            for group, files in self._groups():
                for tag in dict.fromkeys(tag for file in files for tag in file.others.tags):
                    other = _other(name_in_folder(group, tag, others), tag, files)
                    if other.places and len(others) < MAX_TAGS:
                        others[other.tag] = other
            self._others_key, self._others = key, MappingProxyType(others)
        return self._others

    def _groups(self) -> Iterator[tuple[str, list[FileCurves]]]:
        """The files of the folder itself, then those of each nested folder, in the order of writing."""
        in_order = sorted(self._files.items(), key=lambda item: _key(*item))
        for group, items in groupby(in_order, key=lambda item: item[0].group):
            yield group, [curves for _, curves in items]


def _key(file: EventFile, curves: FileCurves) -> tuple[str, int, float, str]:
    return file.group, file.timestamp, curves.started_at, file.name


def _restarts(files: list[FileCurves]) -> tuple[int, ...]:
    """Of one group: those inside of its files, and the first step of files that write the tags of earlier ones."""
    restarts: list[int] = []
    known: set[str] = set()
    for file in files:
        shared = [file.strand(tag).snapshot().cut for tag in file.tags if tag in known]
        begun = min((step for step in shared if step is not None), default=None)
        if begun is not None and file.restart_step is None:
            restarts.append(begun)
        restarts += file.restarts
        known |= set(file.tags)
    return tuple(restarts)


def _other(name: str, tag: str, files: list[FileCurves]) -> Other:
    places: list[Place] = []
    cut: int | None = None
    for file in reversed(files):
        places[:0] = [place for place in file.others.places(tag) if cut is None or place.step < cut]
        cut = lower(cut, lower(file.restart_step, file.others.lowest(tag)))
    kinds = [kind for file in files if (kind := file.others.kind(tag)) is not None]
    return Other(name, kinds[0] if kinds else Kind.OTHER, tuple(places))
