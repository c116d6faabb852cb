"""How a run is, in sentences for people: what its curves show, what its guards saw, whether it stalls. Pure."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from backend.domain.curves import Curves, Series
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.metric_goals import Goal
from backend.domain.run import JournalLine
from backend.domain.run_results import best_point, trained
from backend.domain.run_view import RunView
from backend.domain.states import RunState
from backend.domain.time_left import TimeLeft, by_heartbeat, time_left
from backend.domain.trends import Trend, Way, num_not_finite, trend

LOSS, EVALUATION = "train/loss", "eval/loss"
MOST_WARNINGS = 3
SHORTEST_STALL_SECONDS = 60.0
STALL_STEPS = 10  # times the usual seconds of a step
UNKNOWN_STALL_SECONDS = 300.0  # loading, preparing, evaluating: they may be long without a word
_WARNING = re.compile(
    r"^(not-finite|divergence|gradient-explosion|overfitting|dead-rate) at step (\d+): (.+)$", re.DOTALL
)
_ADVICE = {
    "not-finite": "A lower learning rate, or float32 instead of float16, often helps.",
    "divergence": "The loss went away from its best. A lower learning rate often helps.",
    "gradient-explosion": "One jump may be a strange row; many ask for a lower learning rate.",
    "overfitting": "It learns its rows by heart. The best evaluation so far is what counts; stopping costs nothing.",
    "dead-rate": "The steps are too small to change anything. A higher learning rate often helps.",
}


@dataclass(frozen=True, slots=True)
class Warned:
    """What a guard saw, and what often helps."""

    guard: str
    step: int
    text: str
    advice: str

    @property
    def sentence(self) -> str:
        """Which guard, when, and what it saw."""
        return f"{self.guard.replace('-', ' ').capitalize()}, step {self.step:,}: {self.text}."


@dataclass(frozen=True, slots=True, eq=False)
class RunReport:
    """Everything that is told about one run beside its own message. `quiet_seconds`: no sign of life for so long."""

    view: RunView
    curves: Curves
    time_left: TimeLeft | None
    told: str
    warnings: tuple[Warned, ...]
    quiet_seconds: float | None


def report(view: RunView, curves: Curves, journal: Sequence[JournalLine], now_seconds: float) -> RunReport:
    """`now_seconds` since the epoch."""
    told = " ".join(_sentences(view, curves)) if view.step else ""
    return RunReport(view, curves, _left(view, curves), told, warnings(journal), quiet(view, now_seconds))


def warnings(journal: Sequence[JournalLine]) -> tuple[Warned, ...]:
    """The newest of each guard, newest first."""
    found: dict[str, Warned] = {}
    for line in reversed(journal):
        said = _WARNING.match(line.reason)
        if said and said[1] not in found:
            found[said[1]] = Warned(said[1], int(said[2]), said[3], _ADVICE[said[1]])
    return tuple(found.values())[:MOST_WARNINGS]


def quiet(view: RunView, now_seconds: float) -> float | None:
    """Seconds since the last sign of life, if they are more than usual."""
    beat = view.heartbeat
    if view.state is not RunState.RUNNING or beat is None or view.phase is None:
        return None
    seconds = now_seconds - beat.at
    return seconds if seconds > _patience(beat) else None


def _patience(beat: Heartbeat) -> float:
    if beat.phase is not Phase.TRAINING or not beat.seconds_per_step:
        return UNKNOWN_STALL_SECONDS
    return max(SHORTEST_STALL_SECONDS, STALL_STEPS * beat.seconds_per_step)


def _left(view: RunView, curves: Curves) -> TimeLeft | None:
    beat = view.heartbeat
    if view.state is not RunState.RUNNING or beat is None or not view.total_steps:
        return None
    left = max(0, view.total_steps - view.step)
    first = curves.restarts[-1] if curves.restarts else 0
    return time_left(left, curves.series.get(LOSS), first) or by_heartbeat(left, beat.seconds_per_step)


def _sentences(view: RunView, curves: Curves) -> Iterator[str]:
    loss, is_over = curves.series.get(LOSS), view.run.is_over
    if strange := num_not_finite(loss):
        are = "is" if strange == 1 else "are"
        yield f"{strange:,} of the latest training losses {are} not a number (NaN or infinite)."
    if found := trend(loss):
        yield _loss(found, is_over=is_over)
    yield from _evaluation(curves, is_over=is_over)


def _loss(found: Trend, *, is_over: bool) -> str:
    when = f"over the last {found.num_steps:,} steps"
    if found.way is Way.STAYED:
        return f"The training loss {'' if is_over else 'has '}stayed near {found.after:.3g} {when}."
    return f"The training loss {found.way} from {found.before:.3g} to {found.after:.3g} {when}."


def _evaluation(curves: Curves, *, is_over: bool) -> Iterator[str]:
    whole = curves.series.get(EVALUATION)
    series = trained(whole) if whole is not None else None
    if whole is None or series is None or not len(series):
        return
    is_, before = "was" if is_over else "is", _before(whole)
    best, last, step = best_point(series, Goal.LOWER), float(series.values[-1]), int(series.steps[-1])
    if best is None:
        yield f"No evaluation loss {is_} a number{before}."
    elif len(series) == 1:
        yield f"The evaluation loss of step {step:,} {is_} {last:.3g}{before}."
    elif best.step == step:
        yield f"The evaluation loss of step {step:,} {is_} the best{'' if is_over else ' so far'}: {last:.3g}{before}."
    else:
        word = f"{last:.3g}" if math.isfinite(last) else "not a number"
        yield f"The best evaluation loss {is_} {best.value:.3g} at step {best.step:,}; the latest {is_} {word}{before}."


def _before(whole: Series) -> str:
    """What the base model itself reached, where that was measured."""
    is_measured = int(whole.steps[0]) == 0 and math.isfinite(float(whole.values[0]))
    return f" (before training: {float(whole.values[0]):.3g})" if is_measured else ""
