"""How long a look at a memory forecast takes that is known already: right after a restart, and again."""

import time
from dataclasses import dataclass
from pathlib import Path

from backend.containers import build_container
from backend.domain.run_config import RunConfig
from config.settings import Settings

WAIT_SECONDS = 5.0
MOST_WAITS = 120
AGAIN = 20


@dataclass(frozen=True, slots=True)
class Looks:
    """Seconds: to ask for the first time, with the program's work; to look after a restart; to look once more.

    The last is the median of AGAIN looks.
    """

    first: float
    after_restart: float
    again: float


def looks(workspace: Path, config: RunConfig, base: Path) -> Looks:
    """Ask once, start the services anew, and look. Raises RuntimeError where there is no forecast."""
    container = build_container(Settings(workspace=workspace))
    forecasts = container.services().memory_forecasts
    began = time.perf_counter()
    found = forecasts.ask(config, base, WAIT_SECONDS)
    for _ in range(MOST_WAITS):
        if found.forecast is not None or found.error is not None:
            break
        found = forecasts.ask(config, base, WAIT_SECONDS)
    first = time.perf_counter() - began
    container.shutdown_resources()
    if found.forecast is None:
        raise RuntimeError(found.error.sentence() if found.error else "no forecast in time")
    container = build_container(Settings(workspace=workspace))
    forecasts = container.services().memory_forecasts
    seconds = []
    for _ in range(AGAIN + 1):
        began = time.perf_counter()
        assert forecasts.look(config, base).forecast is not None
        seconds.append(time.perf_counter() - began)
    container.shutdown_resources()
    return Looks(first, seconds[0], sorted(seconds[1:])[AGAIN // 2])
