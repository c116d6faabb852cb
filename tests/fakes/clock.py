"""A clock that stands still until it is told."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """The Clock whose time a test moves; both readings go on together."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._passed_seconds = 0.0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_seconds)

    def monotonic(self) -> float:
        return self._passed_seconds

    def advance(self, seconds: float) -> None:
        assert seconds >= 0, "time does not go back"
        self._passed_seconds += seconds
