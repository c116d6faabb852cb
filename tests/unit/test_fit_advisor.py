"""The fit advisor as a service: it goes as far as forecasts are known, and says which one it waits for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.data_report import Lengths
from backend.domain.fit_proposals import Goal
from backend.domain.memory_fit import Forecasting
from backend.domain.run_config import RunConfig
from backend.errors import Explanation
from backend.services.fit_advisor import FitAdvisor
from tests.fakes.forecasts import ArithmeticForecasts
from tests.fakes.run_configs import a_config

FAILED = Explanation("memory-not-forecast", "It failed.", "Because.", "Try again.", "2026-01-01T00:00:00Z")


@dataclass
class SlowForecasts:
    """Knows an order from the time on that somebody asked for it; `room` is what a run may take."""

    room: int | None = None
    failing: Sequence[str] = ()
    asked: list[RunConfig] = field(default_factory=list)
    arithmetic: ArithmeticForecasts = field(default_factory=ArithmeticForecasts)

    def look(self, config: RunConfig, base: Path) -> Forecasting:  # noqa: ARG002 - as the real one
        if config not in self.asked:
            return Forecasting(room_bytes=self.room)
        if config.quantization.name in self.failing:
            return Forecasting(error=FAILED, room_bytes=self.room)
        return Forecasting(self.arithmetic(config), room_bytes=self.room)

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Forecasting:  # noqa: ARG002
        self.asked.append(config)
        return self.look(config, base)


class NoLengths:
    """Nobody looked at the rows."""

    def look(self, config: RunConfig, base: Path) -> Lengths | None:  # noqa: ARG002
        return None


def advisor(forecasts: SlowForecasts, bitsandbytes: str | None = "0.49") -> FitAdvisor:
    return FitAdvisor(forecasts, NoLengths(), lambda _name: bitsandbytes)  # type: ignore[arg-type]


HERE = Path()
ORDER = a_config(training={"batch_size": 16, "max_length": 512})


def test_each_question_takes_the_search_one_forecast_further() -> None:
    forecasts = SlowForecasts(room=6_000_000)
    fit = advisor(forecasts)
    first = fit.look(ORDER, HERE)
    assert first is not None
    assert (first.goal, first.waits_for, forecasts.asked) == (Goal.UNKNOWN, ORDER, [])
    for number in range(1, 20):
        advice = fit.ask(ORDER, HERE, 0.0)
        assert advice is not None
        assert len(forecasts.asked) == number
        if advice.is_over:
            break
    assert advice is not None
    assert advice.goal is Goal.FIT
    assert advice.proposals
    assert advice == fit.ask(ORDER, HERE, 0.0)
    assert len(forecasts.asked) == advice.num_forecasts


def test_without_a_room_there_is_no_advice_unless_one_is_said() -> None:
    fit = advisor(SlowForecasts())
    assert fit.look(ORDER, HERE) is None
    assert fit.look(ORDER, HERE, 10**9) is not None


def test_an_order_whose_forecast_failed_ends_the_search() -> None:
    forecasts = SlowForecasts(room=10**9, failing=("none",))
    advice = advisor(forecasts).ask(ORDER, HERE, 0.0)
    assert advice is not None
    assert (advice.is_over, advice.goal, advice.now) == (True, Goal.UNKNOWN, None)
