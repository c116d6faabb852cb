"""FitAdvisor: what to change so that a run fits into the room there is, or goes faster where much is free."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from backend.domain.fit_advice import advise
from backend.domain.fit_levers import Facts
from backend.domain.fit_proposals import Advice, ForecastOf, Unforeseeable
from backend.domain.memory_fit import Forecasting
from backend.domain.memory_forecast import MemoryForecast
from backend.domain.run_config import RunConfig
from backend.services.row_lengths import RowLengths


class Forecasts(Protocol):
    """Who knows how much memory an order takes: at once, or after a while."""

    def look(self, config: RunConfig, base: Path) -> Forecasting:
        """What is known now."""

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Forecasting:
        """The same, with a program at work on what is not."""


class FitAdvisor:
    """Holds no state: each call goes as far as forecasts are known, and says which one it waits for."""

    def __init__(
        self, forecasts: Forecasts, lengths: RowLengths, installed_version: Callable[[str], str | None]
    ) -> None:
        self._forecasts = forecasts
        self._lengths = lengths
        self._installed_version = installed_version

    def look(self, config: RunConfig, base: Path, room_bytes: int | None = None) -> Advice | None:
        """The proposals so far, None where nobody tells how much room there is. Starts nothing."""
        room = self._forecasts.look(config, base).room_bytes if room_bytes is None else room_bytes
        return None if room is None else self.advise(config, base, room, self._known(base))

    def ask(self, config: RunConfig, base: Path, wait_seconds: float, room_bytes: int | None = None) -> Advice | None:
        """The same, with a program at work on the forecast that is missing; waits for it, but no longer than told."""
        advice = self.look(config, base, room_bytes)
        if advice is None or advice.waits_for is None:
            return advice
        self._forecasts.ask(advice.waits_for, base, wait_seconds)
        return self.look(config, base, room_bytes)

    def advise(self, config: RunConfig, base: Path, room_bytes: int, forecast_of: ForecastOf) -> Advice:
        """The proposals so far. `forecast_of` answers None for what is not known yet, which ends this call.

        It raises Unforeseeable for an order of which there will be no forecast. Shorter rows are proposed only where
        somebody had the rows' lengths looked at.
        """
        try:
            now = forecast_of(config)
        except Unforeseeable:
            now = None
        facts = Facts(
            on_gpu=now is not None and now.device == "cuda",
            has_bitsandbytes=self._installed_version("bitsandbytes") is not None,
            lengths=self._lengths.look(config, base),
        )
        return advise(config, room_bytes, forecast_of, facts)

    def _known(self, base: Path) -> ForecastOf:
        def of(config: RunConfig) -> MemoryForecast | None:
            found = self._forecasts.look(config, base)
            if found.error is not None:
                raise Unforeseeable
            return found.forecast

        return of
