"""EventFolder: the curves of one folder of event files, kept up to date."""

from collections.abc import Container, Iterator
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from backend.domain.curve_merging import merge
from backend.domain.curves import MAX_TAGS, Curves, Series
from backend.event_files.file_curves import FileCurves
from backend.event_files.listing import EventFile, event_files
from backend.event_files.strand import BYTES_PER_POINT


class EventFolder:
    """A CurveSource over the event files of a folder, whose attempts follow one another file by file.

    Files are ordered by the timestamp in their name, then by the wall time of their first record (two
    attempts may begin in one second), then by name. A nested folder is a curve of its own, as in TensorBoard:
    its tags are prefixed with its name (torch's `add_scalars` writes the same tag into many folders).
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[EventFile, FileCurves] = {}
        self._curves = Curves(0, MappingProxyType({}), ())

    @property
    def num_bytes(self) -> int:
        """Roughly the memory held."""
        merged = [len(one) for one in self._curves.series.values() if one.steps.base is None]  # views are free
        return BYTES_PER_POINT * sum(merged) + sum(file.num_bytes for file in self._files.values())

    def read(self) -> Curves:
        """Everything readable by now: the same object as last time if nothing was added."""
        if self._refresh() or not self._curves.version:
            self._curves = self._merged()
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

    def _merged(self) -> Curves:
        series: dict[str, Series] = {}
        num_ignored = sum(curves.num_ignored_points for curves in self._files.values())
        for group, files in self._groups():
            for tag in dict.fromkeys(tag for file in files for tag in file.tags):
                one = merge(_name(group, tag, series), [file.stretch(tag) for file in files])
                if len(one) and len(series) < MAX_TAGS:
                    series[one.tag] = one
                else:
                    num_ignored += len(one)
        damage = tuple(damage for curves in self._files.values() for damage in curves.damage)
        return Curves(self._curves.version + 1, MappingProxyType(series), damage, num_ignored)

    def _groups(self) -> Iterator[tuple[str, list[FileCurves]]]:
        """The files of the folder itself, then those of each nested folder, in the order of writing."""
        in_order = sorted(self._files.items(), key=lambda item: _key(*item))
        for group, items in groupby(in_order, key=lambda item: item[0].group):
            yield group, [curves for _, curves in items]


def _key(file: EventFile, curves: FileCurves) -> tuple[str, int, float, str]:
    return file.group, file.timestamp, curves.started_at, file.name


def _name(group: str, tag: str, taken: Container[str]) -> str:
    """The tag, with its nested folder; "a//b" for b in a, if the folder itself has a tag "a/b"."""
    name = f"{group}/{tag}" if group else tag
    while group and name in taken:
        name = name.replace(group, f"{group}/", 1)
    return name
