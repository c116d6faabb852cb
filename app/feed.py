"""The WebSocket at /studio/curves: charts in a browser ask for curves once, and are told what is new."""

import asyncio
import json
import threading
from contextlib import closing, suppress
from dataclasses import asdict

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.feed_messages import MAX_MESSAGE_CHARACTERS, BoardAsked, ViewAsked, read_message
from app.runtime import get_services
from app.talks import GOING_AWAY, talk_route
from backend.domain.curves import Curves
from backend.errors import StudioError
from backend.services.curve_feed import ChartNotes, CurveFeed, LinePart
from backend.services.curve_watching import Subscription
from backend.services.feed_wire import encoded

PATH = "/studio/curves"
PAUSE_SECONDS = 0.4  # at most about twice a second something moves
_END = None


def curve_feed() -> WebSocketRoute:
    """The route."""
    return talk_route(PATH, _Viewer, MAX_MESSAGE_CHARACTERS)


class _Viewer:
    """What one browser wants to see: the newest wish counts, older ones that were not begun are forgotten."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._feed = CurveFeed(_curves)
        self._board: BoardAsked | None = None
        self._view: ViewAsked | None = None
        self._question = 0
        self._woken = asyncio.Event()  # by a wish or by new points
        self._wished = asyncio.Event()
        self._watched: dict[str, Subscription] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def take(self, text: str) -> None:
        """A wish, from now on in place of the one before."""
        asked = read_message(text)
        if isinstance(asked, BoardAsked):
            self._board = asked
        else:
            self._view = asked
        self._wished.set()
        self._woken.set()

    async def tell(self) -> None:
        """Answer what was asked, then whatever is new; a slow browser is waited for, and told less often."""
        with closing(self):
            while True:
                self._take_wishes()
                began = self._loop.time()
                await asyncio.to_thread(self._watch)
                told = self._feed.news()
                while (news := await asyncio.to_thread(next, told, _END)) is not _END:
                    await self._send(*news)
                    if self._wished.is_set():
                        break  # the rest of this answer is not wanted any more
                await self._next(began)

    def close(self) -> None:
        """Nothing is watched for this browser any more."""
        with self._lock:
            self._is_closed = True
            for subscription in self._watched.values():
                subscription.close()

    async def _next(self, began: float) -> None:
        """Wait for a wish, or for new points a while after the last ones: as long as telling them took, at least."""
        told = self._loop.time()
        await self._woken.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(told + max(PAUSE_SECONDS, told - began)):
                await self._wished.wait()

    def _watch(self) -> None:
        """Hear of new points in exactly the sources on the screen; of unknown ones the feed tells."""
        wanted, services = self._feed.sources(), get_services()
        with self._lock:  # the browser may leave at any moment
            for source in self._watched.keys() - wanted:
                self._watched.pop(source).close()
        for source in wanted - self._watched.keys():
            with suppress(StudioError):
                folder = services.sources.folder(source)
                with self._lock:
                    if not self._is_closed:
                        self._watched[source] = services.curves.subscribe(folder, self._grown)

    def _grown(self, _curves: Curves) -> None:
        """Called in the thread that watches."""
        with suppress(RuntimeError):  # the server is stopping
            self._loop.call_soon_threadsafe(self._woken.set)

    def _take_wishes(self) -> None:
        """A new number of a question means that the browser ignores what belongs to older ones: all is told again."""
        self._woken.clear()
        self._wished.clear()
        asked = [wish for wish in (self._board, self._view) if wish is not None]
        if self._board is not None:
            self._feed.show(self._board.board())
        if self._view is not None:
            self._feed.look_at(self._view.view())
        if any(wish.question != self._question for wish in asked):
            self._question = max(wish.question for wish in asked)
            self._feed.start_again()
        self._board = self._view = None

    async def _send(self, parts: list[LinePart], notes: ChartNotes | None) -> None:
        """Wait until it is on its way. Raises WebSocketDisconnect if the browser left."""
        try:
            if notes is not None:
                await self._socket.send_text(json.dumps({"question": self._question, **asdict(notes)}))
            if parts:
                await self._socket.send_bytes(encoded(parts, self._question))
        except RuntimeError as error:  # Starlette's word for a socket that is closed
            raise WebSocketDisconnect(GOING_AWAY) from error


def _curves(source: str) -> Curves:
    return get_services().sources.curves(source)
