"""What surrounds the pages: routes, middleware, protection, and what happens at start and stop."""

import asyncio
import gc
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import psutil
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Route
from streamlit import config as streamlit_config
from streamlit.starlette import App

from app.api import api
from app.board_assets import board_assets
from app.errors import ListensTooWide
from app.feed import curve_feed
from app.logs import keep_logging_as_set
from app.runtime import close_container, get_errors, get_services
from app.security import SameOrigin, SecurityHeaders, is_loopback
from app.watch import page_watches
from backend.errors import StudioError
from backend.probes.process_age import process_age_seconds
from backend.services.error_handler import Edge
from config.server_flags import protections
from config.settings import Settings

LOOK_SECONDS = 2.0
BACKGROUND = Edge(present=lambda _: None)  # nobody looks: the log is told
FIRST_VIEW = "/home"  # Streamlit knows the first view of the menu at / alone, and would say that there is no such page


def routes() -> list[BaseRoute]:
    """Our own routes; Streamlit's come after them."""
    return [api(), board_assets(), curve_feed(), page_watches(), Route(FIRST_VIEW, _at_the_root)]


def _at_the_root(request: Request) -> RedirectResponse:
    return RedirectResponse(f"/?{request.url.query}" if request.url.query else "/")


def middleware(settings: Settings) -> list[Middleware]:
    """Around all of Streamlit, outermost first, so that refusals carry the headers too."""
    return [Middleware(SecurityHeaders), Middleware(SameOrigin, host=settings.host)]


def protect(settings: Settings) -> None:
    """Make Streamlit's protective options ours, now and after every reading of its configuration files.

    Ends the process if its server already listens wider than the settings say: `streamlit run` binds the
    socket before it imports the app, and accepts connections only after.
    """
    wide = sorted({address for address in _listening_addresses() if not is_loopback(address)})
    if wide and is_loopback(settings.host):
        raise SystemExit(str(ListensTooWide(addresses=", ".join(wide), host=settings.host)))

    def set_options() -> None:
        for name, value in protections(settings).items():
            streamlit_config.set_option(name, value, "PEFT Studio")

    set_options()
    streamlit_config.on_config_parsed(set_options, force_connect=True)


@asynccontextmanager
async def lifespan(_app: App) -> AsyncIterator[None]:
    """Start before the first request, stop after the last one; runs go on without us."""
    await asyncio.to_thread(_start)
    looking = asyncio.create_task(_look_after_runs(LOOK_SECONDS))
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.to_thread(close_container)


async def _look_after_runs(every_seconds: float) -> None:
    """While the dashboard lives, no run is without its supervisor for longer than this."""
    while True:
        await asyncio.sleep(every_seconds)
        handled = get_errors().with_error_handling("look after the runs", BACKGROUND)
        await asyncio.to_thread(handled(_look_after))  # if this task died, nobody would miss it until a run did


def _look_after() -> None:
    services = get_services()
    services.processes.reconcile()  # first: whatever else fails, no run waits for it
    services.settings.reload()
    services.journal.look()
    services.plugins.look()
    services.spare.tend()
    services.tensorboard.tend()


def _start() -> None:
    """Build the services, look after the runs, load the pages. What fails here, the pages explain."""
    imported = process_age_seconds()
    errors = get_errors()
    try:
        services = get_services()
    except StudioError as error:
        errors.handle(error, "build the services", BACKGROUND, may_repeat=False)
        return
    built = process_age_seconds()
    keep_logging_as_set(services)
    startup = services.startup
    startup.began(datetime.now(UTC) - timedelta(seconds=built))
    startup.record("Python and imports", imported)
    startup.record("Settings, store and services", built - imported)
    with errors.handling("look after the runs", BACKGROUND), startup.phase("Runs"):
        services.processes.reconcile()
        services.journal.look()
    with startup.phase("Pages"):
        importlib.import_module("app.shell")
    with startup.phase("Memory"):
        gc.collect()
        gc.freeze()  # what lives now lives for good: later collections need not look at it
    startup.finish()


def _listening_addresses() -> list[str]:
    connections = psutil.Process().net_connections(kind="inet")
    return [found.laddr.ip for found in connections if found.status == psutil.CONN_LISTEN]
