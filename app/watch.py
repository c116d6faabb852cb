"""The WebSocket at /studio/watch: a page asks once to be told when what it shows has changed, and is drawn anew."""

import asyncio
from contextlib import suppress
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from app.feed_messages import Source
from app.marks import MarkKind, mark_of
from app.runtime import get_services
from app.talks import talk_route
from backend.domain.curve_link import MAX_SOURCES

PATH = "/studio/watch"
MAX_CHARACTERS = 1024**2


class WatchAsked(BaseModel):
    """What a page shows, and the mark of it that the page was drawn with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: MarkKind
    of: Annotated[tuple[Source | Literal["reading"], ...], Field(max_length=MAX_SOURCES)] = ()
    mark: Annotated[str, Field(max_length=64)]


def page_watches() -> WebSocketRoute:
    """The route."""
    return talk_route(PATH, _Watcher, MAX_CHARACTERS)


class _Watcher:
    """The newest question counts; each is answered once."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._asked: WatchAsked | None = None
        self._woken = asyncio.Event()

    def take(self, text: str) -> None:
        """Another question, in place of the one before."""
        self._asked = WatchAsked.model_validate_json(text)
        self._woken.set()

    async def tell(self) -> None:
        """Look again and again, and say so once when another thing is to be seen."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            asked = self._asked
            assert asked is not None, "it is set before anybody is woken"
            if await self._has_changed(asked):
                await self._socket.send_text("changed")

    async def _has_changed(self, asked: WatchAsked) -> bool:
        """Wait until it has; False if something else was asked meanwhile."""
        now = await asyncio.to_thread(mark_of, get_services(), asked.kind, asked.of)
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(now.next_seconds):
                    await self._woken.wait()
                return False
            if now.text != asked.mark:
                return True
            now = await asyncio.to_thread(mark_of, get_services(), asked.kind, asked.of)
