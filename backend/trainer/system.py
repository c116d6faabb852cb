"""System curves: a thread beside the training reads the machine, and a point of the curve gets the means."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
import torch

from backend.event_files.folder import EventFolder
from backend.trainer import ranks
from backend.trainer.say import say
from backend.trainer.usage import RunUsage, Usage, bare

ENERGY = "system/energy_joules"
COST = "system/energy_cost"
ENV_PRICE = "PEFT_STUDIO_ENERGY_PRICE_PER_KWH"
ENV_CURRENCY = "PEFT_STUDIO_ENERGY_CURRENCY"
JOULES_PER_KWH = 3_600_000.0
INTERVAL_SECONDS = 1.0
RETRY_SECONDS = 30.0  # after a reading that failed
MOST_SHARE = 0.005  # of one core, that reading may take


@dataclass(frozen=True, slots=True)
class Price:
    """What a kilowatt-hour costs, as the settings say it."""

    per_kwh: float
    currency: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Price | None":
        """None if no price was set."""
        try:
            per_kwh = float(environ.get(ENV_PRICE) or 0)
        except ValueError:
            return None
        return cls(per_kwh, environ.get(ENV_CURRENCY, "")) if per_kwh > 0 else None

    def sentence(self) -> str:
        """For the run's texts."""
        return f"{self.per_kwh:g} {self.currency} per kWh".replace("  ", " ")

    def cost(self, joules: float) -> float:
        """In the currency."""
        return joules / JOULES_PER_KWH * self.per_kwh


class SystemCurves:
    """Nothing to say: for processes beside the first one of an attempt."""

    def __enter__(self) -> Self:
        """Begin to read."""
        return self

    def __exit__(self, *_: object) -> None:
        """Read no more."""

    def take(self) -> dict[str, float]:
        """The means since the last call, by tag; empty if nothing was read meanwhile."""
        return {}


class SampledSystem(SystemCurves):
    """Reads once a second, or less often where reading is slow: never more than half a percent of a core.

    Energy is a sum over all attempts: `spent_joules` are those of the earlier ones, None if none measured it.
    """

    def __init__(
        self,
        read: Callable[[], Usage],
        spent_joules: float | None = None,
        price: Price | None = None,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self._read = read
        self._spent = spent_joules
        self._price = price
        self._interval = interval_seconds
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[float, int]] = {}
        self._is_measured = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="system-curves", daemon=True)
        self.cost_seconds = 0.0

    def __enter__(self) -> Self:
        """Start the thread; its first reading is at once. Training goes on without it where there is none to spare."""
        try:
            self._thread.start()
        except RuntimeError as error:
            say(f"no system curves: {error}")
        return self

    def __exit__(self, *_: object) -> None:
        """End it; a reading under way is waited for, but not for long: a driver may hang."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(self._interval)

    def take(self) -> dict[str, float]:
        """The means since the last call; energy and cost are sums since the run began."""
        with self._lock:
            sums, self._sums = self._sums, {}
            spent = self._spent if self._is_measured else None
        found = {tag: total / count for tag, (total, count) in sums.items()}
        if found and spent is not None:
            found[ENERGY] = spent
            if self._price is not None:
                found[COST] = self._price.cost(spent)
        return found

    def keep(self, usage: Usage) -> None:
        """Add one reading."""
        with self._lock:
            for tag, value in usage.values.items():
                total, count = self._sums.get(tag, (0.0, 0))
                self._sums[tag] = (total + value, count + 1)
            if usage.joules is not None:
                self._is_measured = True
                self._spent = (self._spent or 0.0) + usage.joules

    def _sample(self) -> None:
        wait, has_told = 0.0, False
        while not self._over.wait(wait):
            began, least = time.thread_time(), self._interval
            try:
                self.keep(self._read())
            except Exception as error:  # noqa: BLE001 - the outermost frame of a thread that only looks on
                if not has_told:
                    say(f"the machine could not be read for its curves: {error!r}; it is tried again")
                has_told, least = True, max(least, RETRY_SECONDS)
            took = time.thread_time() - began
            self.cost_seconds += took
            wait = max(least, took / MOST_SHARE)


def system_curves(root: Path, spent_joules: float | None, environ: Mapping[str, str]) -> SystemCurves:
    """Of the run in a folder; the first of several processes reads for all."""
    if not ranks.is_first():
        return SystemCurves()
    try:
        usage = RunUsage(root, trainer_pid(), own_gpus())
    except (OSError, psutil.Error, RuntimeError, AttributeError) as error:  # of torch, the driver or the system
        say(f"no system curves: {error}")
        return SystemCurves()
    return SampledSystem(usage.read, spent_joules, Price.of(environ))


def trainer_pid() -> int:
    """The process whose descendants are the whole trainer: with several processes, that which started the launcher."""
    if ranks.count() == 1:
        return os.getpid()
    above = psutil.Process().parents()
    return above[1].pid if len(above) > 1 else os.getpid()


def own_gpus() -> dict[str, int]:
    """The run's GPUs by bare uuid, in the order in which torch counts them; partitions (MIG) have other uuids."""
    if not torch.cuda.is_available():
        return {}
    count = min(torch.cuda.device_count(), ranks.count())
    return {bare(str(torch.cuda.get_device_properties(number).uuid)): number for number in range(count)}


def spent_before(folder: Path) -> float | None:
    """Joules that earlier attempts of a run had measured at their last points, as their event files say."""
    curves = EventFolder(folder).read()
    kept = [found for found in (curves.series.get(ENERGY), *curves.ghosts.get(ENERGY, ())) if found is not None]
    return max((float(found.values.max()) for found in kept if len(found)), default=None)
