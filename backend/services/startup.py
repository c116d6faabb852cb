"""StartupService: what starting took, phase by phase, and whether it is over."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from backend.domain.ports import Clock

BUDGET_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StartupPhase:
    """One part of starting and its duration; `error` is "" if it went well."""

    name: str
    seconds: float
    error: str = ""


@dataclass(frozen=True, slots=True)
class StartupStatus:
    """Where starting stands. The total (sum of the phases) and the verdict are known once it is over."""

    is_ready: bool
    started_at: datetime
    phases: tuple[StartupPhase, ...]
    total_seconds: float | None
    budget_seconds: float
    is_within_budget: bool | None

    def to_json(self) -> dict[str, Any]:
        """The shape of GET /api/startup/status."""
        return {
            "ready": self.is_ready,
            "started_at": self.started_at.isoformat(),
            "phases": [asdict(phase) for phase in self.phases],
            "total_seconds": self.total_seconds,
            "budget_seconds": self.budget_seconds,
            "within_budget": self.is_within_budget,
        }


class StartupService:
    """Collects phases until `finish`; what comes later is not counted. Safe from many threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._started_at = clock.now()
        self._phases: list[StartupPhase] = []
        self._total: float | None = None

    def began(self, at: datetime) -> None:
        """Starting began before this object was made."""
        with self._lock:
            self._started_at = at

    def record(self, name: str, seconds: float) -> None:
        """A phase that was measured elsewhere, such as the imports before this object was made."""
        self._add(StartupPhase(name, seconds))

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure a block; an exception is recorded and goes on."""
        before = self._clock.monotonic()
        error = ""
        try:
            yield
        except Exception as failure:
            error = str(failure) or type(failure).__name__
            raise
        finally:
            self._add(StartupPhase(name, self._clock.monotonic() - before, error))

    def finish(self) -> None:
        """The dashboard can answer now; the total and the verdict stay as they are from here on."""
        with self._lock:
            if self._total is None:
                self._total = sum(phase.seconds for phase in self._phases)

    def status(self) -> StartupStatus:
        """Where starting stands."""
        with self._lock:
            total = self._total
            return StartupStatus(
                is_ready=total is not None,
                started_at=self._started_at,
                phases=tuple(self._phases),
                total_seconds=total,
                budget_seconds=BUDGET_SECONDS,
                is_within_budget=None if total is None else total <= BUDGET_SECONDS,
            )

    def _add(self, phase: StartupPhase) -> None:
        with self._lock:
            if self._total is None:
                self._phases.append(phase)
