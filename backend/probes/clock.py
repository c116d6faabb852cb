"""The time of this machine."""

import time
from datetime import UTC, datetime


class SystemClock:
    """The Clock of every program; tests hand in their own."""

    def now(self) -> datetime:
        """The present in UTC, timezone-aware."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back, comparable within this process only."""
        return time.monotonic()
