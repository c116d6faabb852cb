"""What the sources ask of the dashboard's server, over all that a server may do: numbered as there."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.engine import EngineState
from backend.errors import StudioError
from backend.executors.errors import CommandNotStarted
from backend.launcher.errors import AddressUnusable, PortsTaken, WorkspaceUnusable
from tests.fakes.seeming_servers import Desk

WORDS = st.text("abcdefghijklmnopqrstuvwxyz /.", min_size=1, max_size=40)
WELL = st.builds(lambda at: {"well_from": at}, st.floats(0, 10))
DYING = st.builds(
    lambda at, code: {"ends_at": at, "code": code, "well_from": float("inf")}, st.floats(0, 20), st.integers(1, 255)
)
DEAF = st.just({"well_from": float("inf")})
FAULTS = st.one_of(
    st.builds(lambda first: PortsTaken(first=first, last=first + 10), st.integers(1024, 65_000)),
    st.builds(lambda reason: AddressUnusable(host="10.0.0.1", reason=reason), WORDS),
    st.builds(lambda reason: WorkspaceUnusable(folder=Path("/workspace"), reason=reason), WORDS),
    st.builds(lambda reason: CommandNotStarted(program="python", reason=reason), WORDS),
)
RESTED = (EngineState.READY, EngineState.FAILED)


@given(port=st.integers(8000, 9000), plans=st.lists(WELL | DYING | DEAF, max_size=6))
def test_any_start_becomes_healthy_or_fails_with_its_reason(port: int, plans: list[dict[str, object]]) -> None:
    """Feature: peft-studio-fix, Property 1 (R150)."""
    desk = Desk(port)
    desk.plans = list(plans)
    desk.manager.start()
    status = desk.until(lambda status: status.state in RESTED, seconds=1_000)
    assert status.port == port
    if status.state is EngineState.READY:
        assert desk.servers[-1].is_well()
        assert status.error == ""
        return
    last = desk.servers[-1]
    assert f"words of {last.number}" in status.error, "the end of what it said"
    assert (f"exit code {last.code}" in status.error) is ("ends_at" in plans[len(desk.servers) - 1])
    assert len(desk.servers) == 4, "three restarts were tried"
    assert all(server.is_over for server in desk.servers)


@given(fault=FAULTS)
def test_a_start_that_is_impossible_names_its_cause(fault: StudioError) -> None:
    """Feature: backend bundling, Property 10 (R086): the message is that of the very cause, with what to do."""
    desk = Desk()
    desk.failures = [fault]
    with pytest.raises(type(fault)) as raised:
        desk.manager.start()
    assert raised.value is fault
    status, told = desk.manager.get_status(), fault.explain()
    assert status.state is EngineState.FAILED
    assert all(part in status.error for part in (told.what, told.why, told.fix))
    assert all(str(value) in told.sentence() for value in fault.data.values())


@given(silent_after=st.floats(0, 300), starts_in=st.floats(0, 5))
def test_a_server_that_falls_silent_is_replaced_within_five_seconds(silent_after: float, starts_in: float) -> None:
    """Feature: peft-studio-fix, Property 6 (R155)."""
    desk = Desk()
    desk.plans = [{"well_from": starts_in, "well_until": starts_in + 3 + silent_after}]
    desk.manager.start()
    desk.until_state(EngineState.READY)
    silent_at = starts_in + 3 + silent_after
    desk.until(lambda _: len(desk.servers) == 2, seconds=400)
    assert desk.servers[1].born - silent_at <= 5.0
    assert desk.servers[0].is_over
    desk.until_state(EngineState.READY)
