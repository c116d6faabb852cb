"""Start and stop of the server, and what protects it from a weaker configuration."""

import asyncio
import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import psutil
import pytest
from dependency_injector import providers
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit import config as streamlit_config

from app import server
from app.navigation import MENU
from app.runtime import close_container, use_container
from app.server import _look_after_runs, lifespan, protect
from backend.containers import StudioContainer
from backend.errors import StorageError
from backend.services.spare import Memory, Spare, SpareRule
from config.server_flags import protections
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.dashboard import FakeContainer
from tests.fakes.executor import FakeExecutor
from tests.fakes.processes import FakeProcesses


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeContainer]:
    monkeypatch.setattr(gc, "freeze", lambda: None)  # for good: not in the process of other tests
    found = FakeContainer()
    use_container(found)
    yield found
    use_container(None)


def live_through() -> None:
    async def serve() -> None:
        async with lifespan(None):
            pass

    asyncio.run(serve())


def test_starting_looks_after_the_runs_and_tells_what_it_took(container: FakeContainer) -> None:
    services = container.the_services
    live_through()
    status = services.startup.status()
    assert services.processes.reconciled == 1
    assert status.is_ready
    assert timedelta(0) < datetime.now(UTC) - status.started_at < timedelta(days=1)
    assert {"Python and imports", "Settings, store and services", "Runs", "Pages"} <= {
        phase.name for phase in status.phases
    }
    assert all(phase.seconds >= 0 and not phase.error for phase in status.phases)


@pytest.mark.parametrize(("asked", "place"), [("/home", "/"), ("/home?run=a%20b", "/?run=a%20b")])
def test_the_name_of_the_first_view_leads_to_it(asked: str, place: str) -> None:
    """Streamlit knows it at the root alone."""
    client = TestClient(Starlette(routes=server.routes()), follow_redirects=False)
    answer = client.get(asked)
    assert (answer.status_code, answer.headers["location"]) == (307, place)
    assert MENU[0].url_path == server.FIRST_VIEW.strip("/")


def test_stopping_shuts_the_container_down(container: FakeContainer) -> None:
    live_through()
    assert container.is_shut_down


def test_a_store_that_cannot_be_opened_does_not_stop_the_server(container: FakeContainer) -> None:
    container.failure = StorageError()
    live_through()
    assert container.is_shut_down


def test_runs_that_cannot_be_looked_after_do_not_stop_the_server(container: FakeContainer) -> None:
    container.the_services.processes.failure = StorageError()
    live_through()
    status = container.the_services.startup.status()
    assert status.is_ready
    assert any(phase.error for phase in status.phases)


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Streamlit's configuration as a dictionary, so that the one of other tests stays as it is."""
    chosen: dict[str, object] = {}
    monkeypatch.setattr(streamlit_config, "set_option", lambda name, value, _: chosen.update({name: value}))
    monkeypatch.setattr(streamlit_config, "on_config_parsed", lambda func, **_: chosen.update(_again=func))
    return chosen


def listening_on(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    sockets = [SimpleNamespace(laddr=SimpleNamespace(ip=ip), status=psutil.CONN_LISTEN) for ip in addresses]
    client = SimpleNamespace(laddr=SimpleNamespace(ip="192.168.1.7"), status=psutil.CONN_ESTABLISHED)
    process = SimpleNamespace(net_connections=lambda **_: [*sockets, client])
    monkeypatch.setattr(server.psutil, "Process", lambda: process)


def test_protective_options_are_set_now_and_after_each_reading_of_the_files(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    listening_on(monkeypatch, "127.0.0.1", "::1")
    expected = protections(Settings())
    protect(Settings())
    again = options.pop("_again")
    assert options == expected
    options.clear()
    again()
    assert options == expected


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.7"])
def test_a_server_that_listens_wider_than_asked_for_ends(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object], address: str
) -> None:
    listening_on(monkeypatch, "127.0.0.1", address)
    with pytest.raises(SystemExit) as ending:
        protect(Settings())
    assert "[listens-too-wide]" in str(ending.value)
    assert address in str(ending.value)
    assert options == {}


def test_listening_wide_is_allowed_to_who_asks_for_it(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    listening_on(monkeypatch, "0.0.0.0")
    protect(Settings(host="0.0.0.0"))
    assert options["server.allowedHosts"] == ["*"]


def test_a_dashboard_keeps_a_spare_supervisor_until_it_ends(studio: StudioContainer) -> None:
    """The CLI builds the same services and never tends it."""
    clock = FakeClock()
    executor = FakeExecutor(clock)
    rule = SpareRule(min_free_bytes=0, after_seconds=0)
    spare = Spare(executor, clock, studio.supervisor(), rule, Memory(lambda: None, lambda _: None))
    studio.spare.override(providers.Object(spare))

    async def serve() -> None:
        looking = asyncio.create_task(_look_after_runs(0.01))
        while not executor.waiting():
            await asyncio.sleep(0.01)
        looking.cancel()

    asyncio.run(asyncio.wait_for(serve(), 60))
    close_container()
    assert executor.waiting() == []


def test_while_the_dashboard_lives_the_runs_are_looked_after(studio: StudioContainer) -> None:
    """Also after a look that failed: a supervisor that was killed is missed within one interval."""
    fake = FakeProcesses()
    fake.failures = 1
    studio.processes.override(providers.Object(fake))

    async def watch() -> None:
        looking = asyncio.create_task(_look_after_runs(0.01))
        while fake.reconciled < 3:
            await asyncio.sleep(0.01)
        looking.cancel()

    asyncio.run(asyncio.wait_for(watch(), 120))
    assert fake.reconciled >= 3
