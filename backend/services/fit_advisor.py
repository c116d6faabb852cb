"""FitAdvisor: what to change so that a run fits into the room there is, or goes faster where much is free."""

from collections.abc import Callable
from pathlib import Path

from backend.domain.fit_advice import advise
from backend.domain.fit_levers import Facts
from backend.domain.fit_proposals import Advice, ForecastOf, Unforeseeable
from backend.domain.run_config import RunConfig
from backend.services.row_lengths import RowLengths


class FitAdvisor:
    """Holds no state: each call goes as far as forecasts are known, and says which one it waits for."""

    def __init__(self, lengths: RowLengths, installed_version: Callable[[str], str | None]) -> None:
        self._lengths = lengths
        self._installed_version = installed_version

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
