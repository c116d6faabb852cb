"""FileCurves: what one event file says, kept up to date."""

from collections.abc import Iterator
from pathlib import Path

from backend.domain.curve_merging import Back, Batch, Points, first_restart, lower, surviving
from backend.domain.curves import Damage
from backend.event_files.others import OtherRecords
from backend.event_files.reader import EventFileReader
from backend.event_files.restarts import RestartLog
from backend.event_files.strand import Strand

_BYTES_PER_FILE = 4_096  # what the objects around the points take, roughly


class FileCurves:
    """One strand per tag of one file."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        self._reader = EventFileReader(path, name)
        self._start_over()

    def _start_over(self) -> None:
        self._strands: dict[str, Strand] = {}
        self._last_positions: dict[str, int] = {}
        self._log = RestartLog()
        self.others = OtherRecords(self._name)
        self.restart_step: int | None = None  # the lowest of a marker
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
    def restarts(self) -> list[int]:
        """The steps with which later writing began, in the order of writing."""
        return self._log.steps

    @property
    def started_at(self) -> float:
        """Wall time of the first record in seconds, 0 before there is one."""
        return self._reader.started_at

    @property
    def num_bytes(self) -> int:
        """Roughly the memory held."""
        return _BYTES_PER_FILE + sum(strand.num_bytes for strand in self._strands.values())

    @property
    def num_unverified_bytes(self) -> int:
        """How much `verify` has to read."""
        return self._reader.num_unverified_bytes

    def says(self, tag: str) -> bool:
        """Whether this file has points of a tag, or a marker that speaks for all tags."""
        return tag in self._strands or self.restart_step is not None

    def refresh(self) -> bool:
        """Read what was appended; whether anything changed."""
        damage = self.damage
        has_changed = False
        for batch in self._reader.read():
            self._add(batch)
            has_changed = True
        return has_changed or damage != self.damage

    def verify(self, max_bytes: int) -> bool:
        """Check what was read without checking; whether anything was found to be damaged, and has been dropped."""
        return self._reader.verify(max_bytes) and self.refresh()

    def strand(self, tag: str) -> Strand:
        """What this file says about a tag; a restart marker speaks for all."""
        return self._strands[tag] if tag in self._strands else self._new_strand()  # an empty one may have ghosts

    def _add(self, batch: Batch) -> None:
        if batch.from_start:
            self._start_over()
        restart_step = first_restart(batch.restarts)
        if restart_step is not None:
            self._mark(restart_step, batch)
        self.num_ignored_points += batch.num_ignored_points
        backs: list[Back] = []
        for tag, points in batch.points.items():
            backs += self._follow(tag, points, batch)
        if batch.restarts or backs:
            self._log.add(batch.restarts, backs)
        if batch.others:
            self.others.add(batch.others)

    def _mark(self, step: int, batch: Batch) -> None:
        self.restart_step = lower(self.restart_step, step)
        self.others.cut(step)
        for tag, known in self._strands.items():
            if tag not in batch.points:
                known.cut(step)

    def _follow(self, tag: str, points: Points, batch: Batch) -> tuple[Back, ...]:
        strand = self._strands.get(tag)
        if strand is None:
            strand = self._strands[tag] = self._new_strand()
        stretch, last_step = surviving(points, batch.restarts), strand.last_step
        backs = stretch.backs
        if last_step is not None and stretch.first is not None and stretch.first < last_step:
            first = points.first_position
            backs = (Back(first, self._last_positions[tag], stretch.first), *backs)
        self._last_positions[tag] = points.last_position
        strand.follow(stretch)
        return backs

    def _new_strand(self) -> Strand:
        strand = Strand()
        if self.restart_step is not None:
            strand.cut(self.restart_step)  # earlier files hold points of this tag, perhaps
        return strand
