"""A run's past as one story: its attempts, each with what the journal tells of its time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.domain.run import Attempt, JournalLine


@dataclass(frozen=True, slots=True)
class Chapter:
    """An attempt with the journal's lines from its start to the next one's; without one: what came before the first."""

    attempt: Attempt | None
    lines: tuple[JournalLine, ...]

    @property
    def began_at(self) -> datetime | None:
        """The start of the attempt, else the first line."""
        return self.attempt.started_at if self.attempt else (self.lines[0].at if self.lines else None)


def timeline(attempts: Sequence[Attempt], journal: Sequence[JournalLine]) -> tuple[Chapter, ...]:
    """Every attempt and every line exactly once, oldest first.

    A line belongs to the attempt that it names, else to the one that was the latest then.
    """
    known = {attempt.number: attempt for attempt in attempts}
    lines: dict[int, list[JournalLine]] = {0: [], **{number: [] for number in sorted(known)}}
    for line in journal:
        number = line.attempt if line.attempt in known else _latest(attempts, line.at)
        lines[number].append(line)
    chapters = [Chapter(known.get(number), tuple(own)) for number, own in lines.items()]
    return tuple(chapter for chapter in chapters if chapter.attempt or chapter.lines)


def _latest(attempts: Sequence[Attempt], at: datetime) -> int:
    return max((attempt.number for attempt in attempts if attempt.started_at <= at), default=0)
