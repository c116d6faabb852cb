"""One case: it dies under the limit; the advisor is asked with that limit as its room; its proposal is trained."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from backend.domain.adjustments import Adjustment, adjusted
from backend.domain.fit_advice import advise
from backend.domain.fit_levers import Facts
from backend.domain.fit_proposals import Unforeseeable
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.memory_calibration import forecast
from backend.domain.memory_forecast import MemoryForecast
from backend.domain.memory_order import kind_of
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.executors.own_memory import heap_of_trainers
from backend.store.files import read_text
from config.yaml_files import dump_yaml
from scripts.benchmarks.fit.cases import Case
from scripts.benchmarks.fit.guard import Watched, limited
from scripts.benchmarks.memory.grid import Combination
from scripts.benchmarks.memory.material import FAMILIES
from scripts.benchmarks.memory.nursery import TRAINER, Nursery, Places
from scripts.benchmarks.memory.trial import TrialFailed, order, trace_of

DEVICE = "cpu"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: of the order as it was, and as the first proposal changed it; bytes are resident ones.

    `first_died` of its memory; `code` is the exit code of the second training, None where nothing was proposed.
    """

    name: str
    limit_bytes: int
    first_died: bool
    first_bytes: int
    words: str
    low_bytes: int
    high_bytes: int
    second_bytes: int
    code: int | None
    num_forecasts: int
    seconds: float

    @property
    def is_proven(self) -> bool:
        """Whether the order died of its memory, and the proposal was trained to its end."""
        return self.first_died and self.code == 0


class Forecasts:
    """Of one case's orders: traced by the forecasting program, without any measurement of this machine."""

    def __init__(self, nursery: Nursery, folder: Path, combination: Combination, baseline_bytes: int) -> None:
        self._nursery = nursery
        self._folder = folder
        self._tokens = combination.tokens
        self._model_type = FAMILIES[combination.family].model_type
        self._baseline = baseline_bytes
        self._known: dict[str, MemoryForecast] = {}

    def __call__(self, config: RunConfig) -> MemoryForecast:
        """Raises Unforeseeable."""
        key = config.model_dump_json()
        if key not in self._known:
            tokens = min(self._tokens, config.training.max_length)
            try:
                trace, _ = trace_of(self._nursery, config, tokens, self._folder)
            except TrialFailed as error:
                raise Unforeseeable from error
            kind = kind_of(config, self._model_type, heap_of_trainers())
            self._known[key] = forecast(trace, DEVICE, kind, (), self._baseline)
        return self._known[key]


def try_case(case: Case, nursery: Nursery, folder: Path, work: Path, baseline_bytes: int) -> Outcome:
    """Do it all; `folder` keeps models and rows, `work` is empty. `baseline_bytes` is what the imports take."""
    began = time.monotonic()
    config = RunConfig.model_validate(order(case.combination, folder))
    forecasts = Forecasts(nursery, folder, case.combination, baseline_bytes)
    now = forecasts(config)
    limit = baseline_bytes + round(case.share * (now.likely_bytes - baseline_bytes))
    _, first = trained(config, nursery, work / "first", limit)
    advice = advise(config, limit, forecasts, Facts(), has_alternatives=False)
    code, second, words, low, high = None, Watched(), "", 0, 0
    if advice.proposals:
        proposal = advice.proposals[0]
        words, low, high = proposal.words, proposal.forecast.low_bytes, proposal.forecast.high_bytes
        changed = adjusted(config, (Adjustment(attempt=1, reason="", changes=proposal.changes),))
        code, second = trained(changed, nursery, work / "second", limit)
    return Outcome(
        name=case.name,
        limit_bytes=limit,
        first_died=first.was_killed,
        first_bytes=first.most_bytes,
        words=words,
        low_bytes=low,
        high_bytes=high,
        second_bytes=second.most_bytes,
        code=code,
        num_forecasts=advice.num_forecasts,
        seconds=time.monotonic() - began,
    )


def trained(config: RunConfig, nursery: Nursery, folder: Path, limit_bytes: int) -> tuple[int, Watched]:
    """The exit code of a real trainer with a limit, and what was seen of it."""
    run = RunDirectory(folder)
    run.logs.mkdir(parents=True)
    run.config.write_text(dump_yaml(config.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    log = run.log(1)
    with limited(nursery.pid, limit_bytes, lambda: _is_loading(run)) as watched:
        code = nursery.run(TRAINER, [str(run.root)], Places(Path(os.devnull), log, log))
    return code, watched


def _is_loading(run: RunDirectory) -> bool:
    """Whether no step was begun yet."""
    beat = Heartbeat.from_json(read_text(run.heartbeat) or "")
    return beat is None or beat.phase is Phase.LOADING
