"""BackendServiceManager with servers that only seem to run, and a clock that only moves when somebody waits."""

import logging
from itertools import pairwise

import pytest

from backend.domain.engine import EngineState, EngineStatusChanged
from backend.executors.errors import CommandNotStarted
from backend.launcher.errors import PortsTaken
from tests.fakes.seeming_servers import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_server_is_ready_when_its_health_says_so(desk: Desk) -> None:
    status = desk.manager.start()
    assert (status.state, status.running, status.port, status.pid) == (EngineState.STARTING, False, 8000, 1)
    status = desk.until_state(EngineState.READY)
    assert (status.running, status.restart_count, status.error) == (True, 0, "")
    assert status.start_time is not None
    assert desk.clock.monotonic() >= 2.0
    assert desk.states() == ["starting", "ready"]


def test_a_second_start_changes_nothing(desk: Desk) -> None:
    desk.manager.start()
    desk.until_state(EngineState.READY)
    assert desk.manager.start() == desk.manager.get_status()
    assert len(desk.servers) == 1


def test_a_ready_server_is_asked_every_second(desk: Desk) -> None:
    desk.manager.start()
    desk.until_state(EngineState.READY)
    desk.checks.clear()
    desk.until(lambda _: len(desk.checks) == 5)
    apart = [later - earlier for earlier, later in pairwise(desk.checks)]
    assert apart == pytest.approx([1.0] * 4, abs=0.11)


def test_a_hang_is_noticed_within_five_seconds_and_replaced(desk: Desk) -> None:
    desk.plans = [{"well_until": 10.0}]
    desk.manager.start()
    status = desk.until_state(EngineState.WAITING)
    assert desk.clock.monotonic() - 10.0 <= 5.0
    assert (status.restart_count, status.pid) == (1, None)
    assert "did not answer 3 checks" in status.error
    assert desk.servers[0].calls == ["ask", "clear"]
    status = desk.until_state(EngineState.READY)
    assert (status.pid, status.error, status.restart_count) == (2, "", 1)


def test_an_end_is_noticed_at_once_and_the_port_stays(desk: Desk) -> None:
    desk.plans = [{"ends_at": 10.05, "code": -9}]
    desk.manager.start()
    status = desk.until_state(EngineState.WAITING)
    assert desk.clock.monotonic() == pytest.approx(10.05)
    assert status.exit_code == -9
    desk.until_state(EngineState.STARTING)
    assert desk.clock.monotonic() == pytest.approx(10.55, abs=0.11)
    assert desk.asked == [None, 8000]


def test_after_three_restarts_it_gives_up_with_the_last_words_until_a_person_restarts_it(desk: Desk) -> None:
    desk.plans = [{"ends_at": 1.0, "code": 3}] * 4
    desk.manager.start()
    status = desk.until_state(EngineState.FAILED)
    assert len(desk.servers) == 4
    assert (status.exit_code, status.restart_count, status.pid) == (3, 3, None)
    assert status.error.endswith("words of 4")
    born = [server.born for server in desk.servers]
    waits = [later - earlier - 1.0 for earlier, later in pairwise(born)]
    assert waits == pytest.approx([0.5, 1.0, 2.0], abs=0.11)
    desk.manager.tick()
    assert len(desk.servers) == 4
    assert desk.manager.restart().restart_count == 0
    assert desk.until_state(EngineState.READY).pid == 5


def test_a_healthy_minute_gives_all_restarts_back(desk: Desk) -> None:
    desk.plans = [{"ends_at": 1.0}, {"ends_at": 1.0}, {"ends_at": 70.0}]
    desk.manager.start()
    desk.until(lambda status: status.running and status.restart_count == 2)
    desk.until(lambda status: status.running and status.restart_count == 0)
    assert desk.until_state(EngineState.WAITING).restart_count == 1


def test_stop_asks_waits_a_second_and_insists(desk: Desk) -> None:
    desk.plans = [{"ignores_term": True}]
    desk.manager.start()
    desk.until_state(EngineState.READY)
    before = desk.clock.monotonic()
    status = desk.manager.stop()
    assert desk.clock.monotonic() - before == pytest.approx(1.0)
    assert desk.servers[0].calls == ["ask", "kill", "clear"]
    assert (status.state, status.exit_code, status.pid, status.running) == (EngineState.STOPPED, -9, None, False)
    assert desk.states()[-2:] == ["stopping", "stopped"]


def test_a_server_that_was_stopped_is_not_restarted_and_one_that_is_started_after_that_is(desk: Desk) -> None:
    desk.manager.start()
    desk.manager.stop()
    desk.manager.tick()
    assert len(desk.servers) == 1
    desk.plans = [{"ends_at": 5.0}]
    desk.manager.start()
    desk.until_state(EngineState.WAITING)
    desk.until_state(EngineState.READY)


def test_stopping_what_never_started_or_waits_for_its_restart_is_no_trouble(desk: Desk) -> None:
    assert desk.manager.stop().state is EngineState.STOPPED
    assert desk.events == []
    desk.plans = [{"ends_at": 1.0}]
    desk.manager.start()
    desk.until_state(EngineState.WAITING)
    assert desk.manager.stop().state is EngineState.STOPPED
    desk.manager.tick()
    assert len(desk.servers) == 1


def test_a_start_that_the_system_refuses_is_raised_and_told(desk: Desk) -> None:
    desk.failures = [PortsTaken(first=8000, last=8010)]
    with pytest.raises(PortsTaken):
        desk.manager.start()
    assert desk.manager.get_status().state is EngineState.FAILED
    assert "8000 to 8010" in desk.manager.get_status().error


def test_a_restart_that_the_system_refuses_ends_in_failed(desk: Desk) -> None:
    desk.plans = [{"ends_at": 1.0}]
    desk.manager.start()
    desk.failures = [CommandNotStarted(program="python", reason="no memory")]
    assert "no memory" in desk.until_state(EngineState.FAILED).error


def test_a_callback_that_fails_harms_nobody(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_event: EngineStatusChanged) -> None:
        raise RuntimeError("a bug")

    later: list[EngineStatusChanged] = []
    desk.manager.on_status_change(fail)
    desk.manager.on_status_change(later.append)
    desk.manager.start()
    desk.until_state(EngineState.READY)
    assert later == desk.events
    assert "a bug" in caplog.text


def test_each_change_is_an_event_and_a_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    desk.plans = [{"ends_at": 5.0}]
    desk.manager.start()
    desk.until_state(EngineState.WAITING)
    assert desk.states() == ["starting", "ready", "waiting"]
    assert [event.old.state.value for event in desk.events] == ["stopped", "starting", "ready"]
    assert desk.events[-1].reason in caplog.text
    assert "stopped unexpectedly (exit code 1). Restarting in 0.5 s (1 of 3)" in caplog.text


def test_the_process_is_described_without_its_secrets(desk: Desk) -> None:
    assert desk.manager.get_process_info() is None
    desk.plans = [{"ends_at": 5.0}]
    desk.manager.start()
    found = desk.manager.get_process_info()
    assert found is not None
    assert (found.pid, found.command, found.args, found.cwd) == (1, "python", ("-m", "streamlit"), "/here")
    assert found.start_time == desk.manager.get_status().start_time
    assert found.shown_env == {"HF_TOKEN": "***", "PATH": "/bin"}
    assert "secret" not in repr(found)
    seen = [found.status.value]
    for state in (EngineState.READY, EngineState.WAITING, EngineState.STARTING):
        desk.until_state(state)
        now = desk.manager.get_process_info()
        assert now is not None
        seen.append(now.status.value)
    desk.manager.stop()
    assert seen == ["starting", "running", "crashed", "starting"]
    assert str(desk.manager.get_process_info()).count("stopped") == 1
