"""The frame of every WebSocket: a browser is heard and told at the same time, until either side goes away."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from pydantic import ValidationError
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

GOING_AWAY, NOT_UNDERSTOOD, TOO_BIG, FAILED = 1001, 1007, 1009, 1011


class Talk(Protocol):
    """What is said over one connection."""

    def take(self, text: str) -> None:
        """The browser asks something. Raises ValidationError for nonsense."""

    async def tell(self) -> None:
        """Answer until it is cancelled. Raises WebSocketDisconnect if the browser left."""


def talk_route(path: str, begin: Callable[[WebSocket], Talk], most_characters: int) -> WebSocketRoute:
    """`most_characters` are of one message. Who may connect is decided by the middleware around the route."""

    async def serve(socket: WebSocket) -> None:
        await socket.accept()
        talk = begin(socket)
        code = FAILED
        try:
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(talk.tell())
                code = await _hear(socket, talk, most_characters)
                telling.cancel()
        except* WebSocketDisconnect:  # what was told arrived nowhere: the browser left
            code = GOING_AWAY
        except* Exception:  # the outermost frame of this connection; the browser comes again
            logging.getLogger(__name__).exception("A browser could not be told what it asked at %s.", path)
        with suppress(RuntimeError, WebSocketDisconnect):
            await socket.close(code)

    return WebSocketRoute(path, serve)


async def _hear(socket: WebSocket, talk: Talk, most_characters: int) -> int:
    """Take what the browser asks until it goes away or talks nonsense; the code to close with."""
    try:
        while len(text := await socket.receive_text()) <= most_characters:
            talk.take(text)
    except (ValidationError, KeyError):  # KeyError: bytes where text belongs
        return NOT_UNDERSTOOD
    except WebSocketDisconnect:
        return GOING_AWAY
    return TOO_BIG
