"""The frame of every WebSocket closes with a code that tells the browser whether it is worth coming again."""

import asyncio

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from app.talks import FAILED, NOT_UNDERSTOOD, TOO_BIG, talk_route


class Repeater:
    """Says what it hears, until it hears that it shall fail."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._heard: asyncio.Queue[str] = asyncio.Queue()

    def take(self, text: str) -> None:
        self._heard.put_nowait(text)

    async def tell(self) -> None:
        while (text := await self._heard.get()) != "fail":
            await self._socket.send_text(text)
        raise OSError("as it was told")


def test_a_browser_is_heard_while_it_is_told_and_a_failure_is_logged_and_closes_only_its_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with TestClient(Starlette(routes=[talk_route("/talk", Repeater, 8)])) as client:
        with client.websocket_connect("/talk") as other, client.websocket_connect("/talk") as socket:
            for text in ("one", "8 letter"):
                socket.send_text(text)
                assert socket.receive_text() == text
            socket.send_text("fail")
            assert socket.receive()["code"] == FAILED
            other.send_text("still")
            assert other.receive_text() == "still"
            other.send_text("9 letters")
            assert other.receive()["code"] == TOO_BIG
        with client.websocket_connect("/talk") as socket:
            socket.send_bytes(b"one")
            assert socket.receive()["code"] == NOT_UNDERSTOOD
    (record,) = [record for record in caplog.records if record.name == "app.talks"]
    assert "/talk" in record.getMessage()
