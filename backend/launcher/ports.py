"""A port that is free: the one that is wanted, or one of the ten after it."""

import errno
import socket
from collections.abc import Callable, Iterator

from backend.launcher.errors import AddressUnusable, PortsTaken

PORTS_TRIED = 11


def free_port(host: str, first: int, again: int | None, say: Callable[[str], None]) -> int:
    """The first free one, `again` (where the server was before) above all. Raises PortsTaken, AddressUnusable."""
    for port in _candidates(first, again):
        if is_free(host, port):
            return port
        say(f"Port {port} is in use. Trying the next one ...")
    raise PortsTaken(first=first, last=min(first + PORTS_TRIED - 1, 65535))


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now. Raises AddressUnusable."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise AddressUnusable(host=host, reason=error.strerror or error) from error
    return True


def _candidates(first: int, again: int | None) -> Iterator[int]:
    if again is not None:
        yield again
    yield from (port for port in range(first, min(first + PORTS_TRIED, 65536)) if port != again)
