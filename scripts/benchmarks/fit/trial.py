"""One case: it dies under the limit; the advisor is asked with that limit as its room; its proposal is trained."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from backend.domain.adjustments import Adjustment, adjusted
from backend.domain.fit_advice import advise
from backend.domain.fit_levers import Facts
from backend.domain.fit_proposals import Advice, Unforeseeable
from backend.domain.memory_calibration import MeasuredPeak, forecast
from backend.domain.memory_forecast import MemoryForecast
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from config.yaml_files import dump_yaml
from scripts.benchmarks.fit.cases import Case
from scripts.benchmarks.fit.guard import Watched, limited
from scripts.benchmarks.memory.nursery import TRAINER, Nursery, Places
from scripts.benchmarks.memory.trial import TrialFailed, order, trace_of

DEVICE = "cpu"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case. `first` and `second` are the order as it was and as the advisor changed it."""

    name: str
    limit_bytes: int
    first: Watched
    first_code: int
    advice: Advice
    second: Watched | None
    second_code: int | None
    seconds: float

    @property
    def is_proven(self) -> bool:
        """Whether the order died of its memory, and the proposal was trained to its end."""
        return self.first.was_killed and self.second is not None and not self.second.was_killed and not self.second_code


class Forecasts:
    """Of one case's orders: traced by the forecasting program, without any measurement of this machine."""

    def __init__(self, nursery: Nursery, folder: Path, tokens: int, baseline_bytes: int) -> None:
        self._nursery = nursery
        self._folder = folder
        self._tokens = tokens
        self._baseline = baseline_bytes
        self.records: list[MeasuredPeak] = []

    def __call__(self, config: RunConfig) -> MemoryForecast:
        """Raises Unforeseeable."""
        try:
            trace, _ = trace_of(self._nursery, config, min(self._tokens, config.training.max_length), self._folder)
        except TrialFailed as error:
            raise Unforeseeable from error
        return forecast(trace, DEVICE, "", self.records, self._baseline)


def try_case(case: Case, nursery: Nursery, folder: Path, work: Path, baseline_bytes: int) -> Outcome:
    """Do it all; `folder` keeps models and rows, `work` is empty. `baseline_bytes` is what the imports take."""
    began = time.monotonic()
    config = RunConfig.model_validate(order(case.combination, folder))
    forecasts = Forecasts(nursery, folder, case.combination.tokens, baseline_bytes)
    now = forecasts(config)
    limit = baseline_bytes + round(case.share * (now.likely_bytes - baseline_bytes))
    first_code, first = trained(config, nursery, work / "first", limit)
    advice = advise(config, limit, forecasts, Facts())
    second_code, second = None, None
    if advice.proposals:
        changes = advice.proposals[0].changes
        changed = adjusted(config, (Adjustment(attempt=1, reason="", changes=changes),))
        second_code, second = trained(changed, nursery, work / "second", limit)
    return Outcome(case.name, limit, first, first_code, advice, second, second_code, time.monotonic() - began)


def trained(config: RunConfig, nursery: Nursery, folder: Path, limit_bytes: int) -> tuple[int, Watched]:
    """The exit code of a real trainer with a limit, and what was seen of it."""
    run = RunDirectory(folder)
    run.logs.mkdir(parents=True)
    run.config.write_text(dump_yaml(config.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    log = run.log(1)
    with limited(nursery.pid, limit_bytes) as watched:
        code = nursery.run(TRAINER, [str(run.root)], Places(Path(os.devnull), log, log))
    return code, watched
