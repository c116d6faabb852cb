"""Asking a server whether it is well, within a deadline that no slow answer can stretch."""

import json
import socket
import time

from config.server_flags import ANY_ADDRESS

MAX_BYTES = 65_536


def is_healthy(host: str, port: int, pid: int, timeout_seconds: float) -> bool:
    """Whether GET /api/health says 200 in time, and it is process `pid` that says so.

    Without the pid another program that took the port a moment ago would pass for our server.
    """
    try:
        head, _, body = _ask(reachable(host), port, timeout_seconds).partition(b"\r\n\r\n")
        status = head.split(b"\r\n", 1)[0].split()
        return status[1:2] == [b"200"] and json.loads(body).get("pid") == pid
    except (OSError, ValueError, AttributeError):
        return False


def reachable(host: str) -> str:
    """An address at which this machine reaches a server that listens on `host`."""
    if host not in ANY_ADDRESS:
        return host
    return "::1" if ":" in host else "127.0.0.1"


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def _ask(host: str, port: int, timeout_seconds: float) -> bytes:
    """The whole answer, as HTTP/1.0 without compression or chunks. Raises OSError, also when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    with socket.create_connection((host, port), timeout=timeout_seconds) as line:
        line.sendall(f"GET /api/health HTTP/1.0\r\nHost: {bracketed(host)}:{port}\r\n\r\n".encode())
        answer = b""
        while len(answer) < MAX_BYTES:
            line.settimeout(max(0.001, deadline - time.monotonic()))
            if not (more := line.recv(MAX_BYTES)):
                break
            answer += more
            if time.monotonic() >= deadline:
                raise TimeoutError
        return answer
