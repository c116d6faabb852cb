"""Who may talk to the dashboard's server, and the security headers of every answer."""

import base64
import hashlib
import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import explained
from app.errors import RequestRefused
from config.server_flags import ANY_ADDRESS, LOOPBACK_NAMES

INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc\b)[^>]*>(.*?)</script>", re.DOTALL)
POLICY_VIOLATION = 1008


class SameOrigin:
    """Refuses requests with a foreign Host or Origin, and those that arrive at an address nobody asked for.

    Pages of other sites can make a browser send requests here (CSRF), and can point their own name at
    127.0.0.1 (DNS rebinding): the first show in Origin, the second in Host. This holds for HTTP and WebSocket
    alike; a browser always names the Origin of a WebSocket, so one without is refused.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._names = frozenset({*LOOPBACK_NAMES, host.lower()} - {*ANY_ADDRESS})
        self._is_loopback_only = is_loopback(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is allowed; answer 403 to the rest."""
        problem = self._problem(scope) if scope["type"] in ("http", "websocket") else ""
        if not problem:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await explained(RequestRefused(reason=problem), 403)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": problem})

    def _problem(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        arrived_at = (scope.get("server") or ("", 0))[0]
        if self._is_loopback_only and _is_address(arrived_at) and not is_loopback(arrived_at):
            return "This server answers its own machine only."
        if len(hosts) != 1 or not self._is_ours(_hostname(hosts[0]), arrived_at):
            return "The Host of this request is not an address of this server."
        if len(origins) > 1 or (not origins and scope["type"] == "websocket"):
            return "This request needs one Origin."
        if origins and _authority(origins[0]) != hosts[0].lower():
            return "This request comes from a page of another origin."
        return ""

    def _is_ours(self, name: str, arrived_at: str) -> bool:
        """A name we know, or literally the address at which the connection arrived."""
        return name in self._names or (_is_address(name) and (is_loopback(name) or name == arrived_at))


class SecurityHeaders:
    """Adds the content security policy and its relatives to every answer."""

    def __init__(self, app: ASGIApp, index: Path | None = None) -> None:
        self._app = app
        self._headers = headers_of_every_answer(_inline_hashes(index or _streamlit_index()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Set the headers when an answer starts."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def headers_of_every_answer(script_hashes: Iterable[str]) -> dict[str, str]:
    """Nothing is loaded from or sent to elsewhere, and no other page may frame or read this one."""
    policy = {
        "default-src": "'self'",
        "script-src": " ".join(("'self'", "blob:", "'wasm-unsafe-eval'", *script_hashes)),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "frame-src": "'self' http://127.0.0.1:*",  # TensorBoard's own page
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=()",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }


def is_loopback(host: str) -> bool:
    """Whether a name or address can only mean this machine."""
    if not _is_address(host):
        return host.lower() in LOOPBACK_NAMES
    address = ipaddress.ip_address(host)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _hostname(host: str) -> str:
    """The name in a Host header, lower case; "" if it is anything but `name` or `name:port`."""
    try:
        parts = urlsplit(f"//{host}")
        is_plain = parts.netloc == host and parts.username is None and parts.port != 0
    except ValueError:
        return ""
    return (parts.hostname or "").rstrip(".") if is_plain else ""


def _authority(origin: str) -> str:
    """`name:port` of an Origin header, lower case; "" for `null` and nonsense."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""


def _inline_hashes(index: Path) -> tuple[str, ...]:
    """CSP sources of a page's inline scripts (https://www.w3.org/TR/CSP3/#grammardef-hash-source)."""
    scripts = INLINE_SCRIPT.findall(index.read_text(encoding="utf-8"))
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return tuple(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def _streamlit_index() -> Path:
    return Path(streamlit.__file__).parent / "static" / "index.html"
