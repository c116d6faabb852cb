"""Time that is handed in."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time that was handed in."""

    def now(self) -> datetime:
        """The present in UTC, timezone-aware."""

    def monotonic(self) -> float:
        """Seconds that never go back, comparable within this process only."""
