"""FileCurves: what one event file says, kept up to date."""

from collections.abc import Iterator
from pathlib import Path

from backend.domain.curve_merging import Batch, Stretch, first_restart, lower, surviving
from backend.domain.curves import Damage
from backend.event_files.reader import EventFileReader
from backend.event_files.strand import Strand

_BYTES_PER_FILE = 4_096  # what the objects around the points take, roughly


class FileCurves:
    """One strand per tag of one file."""

    def __init__(self, path: Path, name: str) -> None:
        self._reader = EventFileReader(path, name)
        self._start_over()

    def _start_over(self) -> None:
        self._strands: dict[str, Strand] = {}
        self._restart_step: int | None = None
        self.num_ignored_points = 0

    @property
    def tags(self) -> Iterator[str]:
        """Tags with points, in the order of their first."""
        return iter(self._strands)

    @property
    def damage(self) -> tuple[Damage, ...]:
        """Bytes that could not be read."""
        return self._reader.damage

    @property
    def started_at(self) -> float:
        """Wall time of the first record in seconds, 0 before there is one."""
        return self._reader.started_at

    @property
    def num_bytes(self) -> int:
        """Roughly the memory held."""
        return _BYTES_PER_FILE + sum(strand.num_bytes for strand in self._strands.values())

    def refresh(self) -> bool:
        """Read what was appended; whether anything changed."""
        damage = self.damage
        has_changed = False
        for batch in self._reader.read():
            self._add(batch)
            has_changed = True
        return has_changed or damage != self.damage

    def stretch(self, tag: str) -> Stretch:
        """What this file says about a tag; a restart marker speaks for all."""
        return (self._strands.get(tag) or self._new_strand()).snapshot()

    def _add(self, batch: Batch) -> None:
        if batch.from_start:
            self._start_over()
        restart_step = first_restart(batch.restarts)
        if restart_step is not None:
            self._restart_step = lower(self._restart_step, restart_step)
            for known in self._strands.values():
                known.cut(restart_step)
        self.num_ignored_points += batch.num_ignored_points
        for tag, points in batch.points.items():
            if tag not in self._strands:
                self._strands[tag] = self._new_strand()
            self._strands[tag].follow(surviving(points, batch.restarts))

    def _new_strand(self) -> Strand:
        strand = Strand()
        strand.cut(self._restart_step)  # earlier files hold points of this tag, perhaps
        return strand
