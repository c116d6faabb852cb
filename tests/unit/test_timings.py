"""Timings: how long pages and fragments took, from the latest draws."""

import pytest

from backend.services.timings import FRAGMENT, PAGE, Timings
from tests.fakes.clock import FakeClock


class Drawn:
    """Timings whose draws last as long as a test says."""

    def __init__(self, kept_draws: int = 100) -> None:
        self.clock = FakeClock()
        self.timings = Timings(self.clock, kept_draws)

    def draw(self, name: str, seconds: float, kind: str = PAGE, session: str = "a") -> None:
        with self.timings.measure(kind, name, session):
            self.clock.advance(seconds)


def test_percentiles_are_those_of_the_draws_slowest_first() -> None:
    drawn = Drawn()
    for seconds in range(1, 21):
        drawn.draw("runs", float(seconds))
    drawn.draw("home", 0.5)
    runs, home = drawn.timings.summaries()
    assert (runs.name, runs.num_draws) == ("runs", 20)
    assert runs.median_seconds == pytest.approx(10)
    assert runs.p95_seconds == pytest.approx(19)
    assert runs.longest_seconds == pytest.approx(20)
    assert runs.age_seconds == pytest.approx(0.5)
    assert home.median_seconds == home.p95_seconds == home.longest_seconds == pytest.approx(0.5)


def test_a_draw_that_was_stopped_counts() -> None:
    drawn = Drawn()
    with pytest.raises(KeyboardInterrupt), drawn.timings.measure(PAGE, "runs", "a"):
        raise KeyboardInterrupt
    assert [summary.num_draws for summary in drawn.timings.summaries()] == [1]


def test_fragments_alive_are_those_that_drew_lately_for_each_session() -> None:
    drawn = Drawn()
    drawn.draw("old", 1, FRAGMENT)
    drawn.clock.advance(100)
    for session in ("a", "b", "a"):
        drawn.draw("live", 1, FRAGMENT, session)
    drawn.draw("runs", 1, PAGE, "c")
    assert list(drawn.timings.alive(FRAGMENT, 60)) == ["live", "live"]
    assert drawn.timings.num_sessions(60) == 3


def test_only_the_latest_draws_are_kept() -> None:
    drawn = Drawn(kept_draws=3)
    for name in "aaab":
        drawn.draw(name, 1)
    assert {summary.name: summary.num_draws for summary in drawn.timings.summaries()} == {"a": 2, "b": 1}
