"""What the fit advisor answers: proposals with their forecasts, and what it still waits for."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.memory_forecast import MemoryForecast
from backend.domain.memory_levers import Changes
from backend.domain.run_config import RunConfig

ForecastOf = Callable[[RunConfig], MemoryForecast | None]
"""None where a forecast is not known yet; raises Unforeseeable where there will never be one."""


class Unforeseeable(Exception):
    """Raised by a `forecast_of` where there will never be a forecast of an order."""


class Goal(StrEnum):
    """What the proposals are for."""

    UNKNOWN = "unknown"
    FIT = "fit"
    FASTER = "faster"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One change that may be applied. `forecast` is of the changed order.

    `is_certain`: the whole range is within the room, not its likeliest value alone.
    """

    changes: Changes
    words: str
    reason: str
    cost: str
    forecast: MemoryForecast
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Advice:
    """What is known so far. `waits_for` is the order whose forecast is missing; None if the search is over.

    `now` is the forecast of the order as it is; `smallest` the lowest one that was seen on the way.
    """

    goal: Goal
    room_bytes: int
    proposals: tuple[Proposal, ...] = ()
    now: MemoryForecast | None = None
    smallest: MemoryForecast | None = None
    waits_for: RunConfig | None = None
    num_forecasts: int = 0

    @property
    def is_over(self) -> bool:
        """Whether no more is to come."""
        return self.waits_for is None
