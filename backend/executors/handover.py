"""Handing a run to a process that has waited for one: the message, the open files, and both ends of it.

The waiting process has one end of a socket pair as its standard input. The kernel closes the other end with the
process that holds it, whatever killed that one, so nobody waits in vain. The order to start is one message: its
length in 4 bytes, then JSON; with the first byte come two open files (SCM_RIGHTS, unix(7)), lock and log.
"""

import json
import os
import socket
import struct
from contextlib import suppress
from dataclasses import asdict, dataclass

from backend.executors.environment import LOCK_FD

READY = b"r"
_LENGTH = struct.Struct("!I")
_MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Order:
    """What a cold start would be told: argument list, folder, and the whole environment."""

    argv: tuple[str, ...]
    cwd: str
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Received:
    """An order with the open lock, which must stay open for life, and the open log."""

    order: Order
    lock: int
    log: int

    def take_up(self) -> None:
        """Put log, folder and lock in place as a cold start has them, and leave whoever gave the order.

        The lock that was held while waiting becomes free. The environment is the caller's matter.
        """
        with suppress(KeyError, ValueError, OSError):
            held = int(os.environ[LOCK_FD])
            os.ftruncate(held, 0)  # the next one that waits takes the lock a moment before it is named in it
            os.close(held)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (self.log, 1), (self.log, 2)):
            os.dup2(source, target)
        os.close(nothing)
        os.close(self.log)
        os.set_inheritable(self.lock, True)
        os.chdir(self.order.cwd)

    def environment(self) -> dict[str, str]:
        """The order's environment with the number that the lock has here."""
        return self.order.environment | {LOCK_FD: str(self.lock)}


def hand_over(connection: socket.socket, order: Order, lock: int, log: int) -> bool:
    """Give the order; False if nobody is there to take it."""
    body = json.dumps(asdict(order)).encode()
    try:
        socket.send_fds(connection, [_LENGTH.pack(len(body))], [lock, log])
        connection.sendall(body)
    except OSError:
        return False
    return True


def waiting_place() -> socket.socket:
    """The socket that a waiting program finds as its standard input. Raises OSError if there is none."""
    return socket.socket(fileno=os.dup(0))


def say_ready(place: socket.socket) -> None:
    """Everything is imported."""
    place.send(READY)


def wait_for_order(place: socket.socket) -> Received | None:
    """Block until there is an order; None when whoever might give one is gone."""
    try:
        head, handles, _, _ = socket.recv_fds(place, _LENGTH.size, 2)
        if len(head) < _LENGTH.size or len(handles) != 2:  # noqa: PLR2004 - lock and log
            return None
        (length,) = _LENGTH.unpack(head)
        body = _receive(place, min(length, _MOST_BYTES))
    except OSError:
        return None
    if body is None:
        return None
    place.close()
    fields = json.loads(body)
    return Received(Order(tuple(fields["argv"]), fields["cwd"], fields["environment"]), *handles)


def _receive(place: socket.socket, length: int) -> bytes | None:
    data = b""
    while len(data) < length:
        part = place.recv(length - len(data))
        if not part:
            return None
        data += part
    return data
