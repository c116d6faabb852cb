"""Timings: how long the dashboard's scripts took lately, page by page and fragment by fragment."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from backend.domain.clock import Clock

KEPT_DRAWS = 2_000
PAGE, FRAGMENT = "page", "fragment"


@dataclass(frozen=True, slots=True)
class Draw:
    """One run of a script: a page, or a fragment alone. `at` is monotonic seconds."""

    kind: str
    name: str
    session: str
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class DrawSummary:
    """The draws of one page or fragment that are remembered; percentiles by nearest rank."""

    kind: str
    name: str
    num_draws: int
    median_seconds: float
    p95_seconds: float
    longest_seconds: float
    age_seconds: float


class Timings:
    """The latest draws, whoever made them. Safe from any thread; recording costs a microsecond."""

    def __init__(self, clock: Clock, kept_draws: int = KEPT_DRAWS) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._draws: deque[Draw] = deque(maxlen=kept_draws)

    @contextmanager
    def measure(self, kind: str, name: str, session: str) -> Iterator[None]:
        """Around a draw; one that failed, or was stopped by a click, counts as well."""
        before = self._clock.monotonic()
        try:
            yield
        finally:
            now = self._clock.monotonic()
            with self._lock:
                self._draws.append(Draw(kind, name, session, now, now - before))

    def summaries(self) -> Sequence[DrawSummary]:
        """One per page and fragment, the slowest first."""
        groups: dict[tuple[str, str], list[Draw]] = {}
        for draw in self._latest():
            groups.setdefault((draw.kind, draw.name), []).append(draw)
        now = self._clock.monotonic()
        found = [_summary(draws, now) for draws in groups.values()]
        return sorted(found, key=lambda each: each.p95_seconds, reverse=True)

    def alive(self, kind: str, within_seconds: float) -> Sequence[str]:
        """The pages or fragments that drew within so many seconds; a fragment of several tabs counts for each."""
        lately = self._lately(within_seconds)
        return sorted(name for name, _ in {(draw.name, draw.session) for draw in lately if draw.kind == kind})

    def num_sessions(self, within_seconds: float) -> int:
        """How many browser sessions drew something within so many seconds."""
        return len({draw.session for draw in self._lately(within_seconds)})

    def _lately(self, seconds: float) -> list[Draw]:
        since = self._clock.monotonic() - seconds
        return [draw for draw in self._latest() if draw.at >= since]

    def _latest(self) -> Sequence[Draw]:
        with self._lock:
            return tuple(self._draws)


def _summary(draws: Sequence[Draw], now: float) -> DrawSummary:
    seconds = sorted(draw.seconds for draw in draws)
    return DrawSummary(
        kind=draws[0].kind,
        name=draws[0].name,
        num_draws=len(draws),
        median_seconds=_percentile(seconds, 50),
        p95_seconds=_percentile(seconds, 95),
        longest_seconds=seconds[-1],
        age_seconds=now - max(draw.at for draw in draws),
    )


def _percentile(ordered: Sequence[float], percent: int) -> float:
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)]
