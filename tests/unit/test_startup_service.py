"""What starting took is recorded until it is over, and then stays."""

import json
from datetime import timedelta
from typing import Never

import pytest

from backend.services.startup import BUDGET_SECONDS, StartupService
from tests.fakes.clock import FakeClock


def test_it_is_not_ready_before_it_is_finished() -> None:
    status = StartupService(FakeClock()).status()
    assert not status.is_ready
    assert status.total_seconds is None
    assert status.is_within_budget is None


def test_a_phase_takes_as_long_as_its_block() -> None:
    clock = FakeClock()
    startup = StartupService(clock)
    with startup.phase("store"):
        clock.advance(1.5)
    phase = startup.status().phases[0]
    assert (phase.name, phase.seconds, phase.error) == ("store", 1.5, "")


def test_a_failing_phase_is_recorded_and_the_error_goes_on() -> Never:
    startup = StartupService(FakeClock())
    with pytest.raises(OSError, match="disk"), startup.phase("store"):
        raise OSError("disk is gone")
    assert startup.status().phases[0].error == "disk is gone"


def test_an_error_without_words_is_named_by_its_kind() -> Never:
    startup = StartupService(FakeClock())
    with pytest.raises(KeyError), startup.phase("store"):
        raise KeyError
    assert startup.status().phases[0].error == "KeyError"


def test_the_total_is_the_sum_of_the_phases_and_stays() -> None:
    clock = FakeClock()
    startup = StartupService(clock)
    startup.record("imports", 2.0)
    with startup.phase("store"):
        clock.advance(1.0)
    startup.finish()
    startup.record("later", 100.0)
    startup.finish()
    status = startup.status()
    assert status.is_ready
    assert status.total_seconds == 3.0
    assert status.is_within_budget is True
    assert [phase.name for phase in status.phases] == ["imports", "store"]


def test_the_verdict_is_no_when_starting_took_longer_than_the_budget() -> None:
    startup = StartupService(FakeClock())
    startup.record("imports", BUDGET_SECONDS + 0.1)
    startup.finish()
    assert startup.status().is_within_budget is False


def test_starting_may_have_begun_before_the_service() -> None:
    clock = FakeClock()
    startup = StartupService(clock)
    before = clock.now() - timedelta(seconds=3)
    startup.began(before)
    assert startup.status().started_at == before


def test_the_status_is_json() -> None:
    startup = StartupService(FakeClock())
    startup.record("imports", 1.0)
    startup.finish()
    body = json.loads(json.dumps(startup.status().to_json()))
    assert body["ready"] is True
    assert body["phases"] == [{"name": "imports", "seconds": 1.0, "error": ""}]
    assert body["started_at"].endswith("+00:00")
    assert body["within_budget"] is True
