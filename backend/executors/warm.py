"""The children that wait for a run: their sockets, whether they are ready, and the order that starts them."""

import select
import socket

from backend.domain.run import ProcessIdentity
from backend.executors.handover import READY, Order, hand_over

_GIVE_SECONDS = 2.0  # the message fits into the socket's buffer: only a broken system takes longer than none


class WarmChildren:
    """One socket for each child that still waits; closing it is the order to leave."""

    def __init__(self) -> None:
        self._sockets: dict[ProcessIdentity, socket.socket] = {}
        self._ready: set[ProcessIdentity] = set()

    def adopt(self, process: ProcessIdentity, connection: socket.socket) -> None:
        """A child that was started with the other end as its standard input."""
        connection.settimeout(_GIVE_SECONDS)
        self._sockets[process] = connection

    def knows(self, process: ProcessIdentity) -> bool:
        """Whether it was not given an order yet."""
        return process in self._sockets

    def is_ready(self, process: ProcessIdentity) -> bool:
        """Whether it has said that everything is imported; never waits."""
        connection = self._sockets.get(process)
        if connection is not None and process not in self._ready and _says(connection) == READY:
            self._ready.add(process)
        return process in self._ready

    def order(self, process: ProcessIdentity, order: Order, lock: int, log: int) -> bool:
        """Start it, and forget it; False if it could not be told."""
        connection = self._forget(process)
        if connection is None:
            return False
        with connection:
            return hand_over(connection, order, lock, log)

    def let_go(self, process: ProcessIdentity) -> bool:
        """Close its socket; whether it still waited."""
        connection = self._forget(process)
        if connection is not None:
            connection.close()
        return connection is not None

    def _forget(self, process: ProcessIdentity) -> socket.socket | None:
        self._ready.discard(process)
        return self._sockets.pop(process, None)


def _says(connection: socket.socket) -> bytes:
    """What it has said; a socket with a timeout would wait for that long, whatever the flags of recv."""
    look = select.poll()
    look.register(connection, select.POLLIN)
    try:
        return connection.recv(1) if look.poll(0) else b""
    except OSError:
        return b""
