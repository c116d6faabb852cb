"""What an exception of the hub's libraries means; by the names of its classes, so that none of them is imported.

huggingface_hub speaks httpx2, fsspec and datasets speak httpx, requests or aiohttp: their errors have the same names.
"""

import errno
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from backend.network.failures import Failure, FailureKind

_SAID = 300
_DISK = {errno.ENOSPC, errno.EDQUOT}
_NO_LINE = {
    errno.ECONNREFUSED, errno.ECONNRESET, errno.ECONNABORTED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN,
    errno.EPIPE,
}  # fmt: skip
_BY_NAME: tuple[tuple[frozenset[str], FailureKind], ...] = (
    (frozenset({"OfflineModeIsEnabled"}), FailureKind.OFFLINE),
    (frozenset({"GatedRepoError"}), FailureKind.GATED),
    (frozenset({"RevisionNotFoundError"}), FailureKind.REVISION),
    (
        frozenset(
            {
                "SafetensorError", "ChecksumVerificationError", "SplitsVerificationError", "ArrowInvalid",
                "IncompleteSnapshotError", "IncompleteRead", "BadZipFile", "BadGzipFile", "ContentLengthError",
            }
        ),
        FailureKind.INCOMPLETE,
    ),
    (frozenset({"ProxyError", "ClientProxyConnectionError", "ClientHttpProxyError"}), FailureKind.PROXY),
    (frozenset({"SSLError", "SSLCertVerificationError", "ClientSSLError"}), FailureKind.INSECURE),
    (frozenset({"TimeoutException", "TimeoutError", "Timeout", "ReadTimeoutError"}), FailureKind.TIMEOUT),
)  # fmt: skip
_AT_LAST = (  # what wraps a cause that says more, where that is missing
    (frozenset({"LocalEntryNotFoundError"}), FailureKind.UNREACHABLE),
    (frozenset({"DatasetNotFoundError", "DataFilesNotFoundError", "EntryNotFoundError"}), FailureKind.MISSING),
    (frozenset({"FileMetadataError"}), FailureKind.SERVER),
)
_BY_STATUS = {401: FailureKind.UNAUTHORISED, 403: FailureKind.UNAUTHORISED, 404: FailureKind.MISSING}
_BY_STATUS |= {407: FailureKind.PROXY, 408: FailureKind.TIMEOUT, 425: FailureKind.SERVER, 429: FailureKind.RATE_LIMITED}
_BY_STATUS |= {410: FailureKind.MISSING, 507: FailureKind.SERVER, 509: FailureKind.RATE_LIMITED}
_TRANSPORT = frozenset({"TransportError", "ConnectionError", "ClientConnectionError", "ServerDisconnectedError"})
_TLS_WORDS = ("CERTIFICATE_VERIFY_FAILED", "SSL:", "[SSL", "certificate verify failed", "WRONG_VERSION_NUMBER")
_FULL_WORDS = ("Not enough free disk space", "No space left on device", "Disk quota exceeded")
_CUT_WORDS = ("Consistency check failed", "MetadataIncompleteBuffer", "incomplete metadata")
_SERVER_ERROR, _LAST_STATUS = 500, 599


def read_failure(error: BaseException, *, now: datetime | None = None) -> Failure | None:
    """The kind of the first cause that has one, a broken line last; None for what has nothing to do with fetching.

    `now` (UTC) is for a Retry-After that names a date.
    """
    found = [each for cause in causes(error) if (each := _read(cause, now)) is not None]
    if found:
        return next((each for each in found if each.kind is not FailureKind.UNREACHABLE), found[0])
    names = {kind.__name__ for cause in causes(error) for kind in type(cause).__mro__}
    kind = next((kind for known, kind in _AT_LAST if known & names), None)
    return Failure(kind, _said(error)) if kind is not None else None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from; libraries wrap the first cause, some without saying so."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3): a number, or a date; None if it says nothing usable."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def _read(cause: BaseException, now: datetime | None) -> Failure | None:
    said = _said(cause)
    names = {kind.__name__ for kind in type(cause).__mro__}
    response = getattr(cause, "response", None)
    status = getattr(response, "status_code", None) or getattr(cause, "status", None)
    status = status if isinstance(status, int) else None
    kind = _by_words(cause, said) or next((kind for known, kind in _BY_NAME if known & names), None)
    if kind is None and status is not None:
        kind = _of_status(status)
    if kind is None and status is None and _is_of_the_line(cause, names):
        kind = FailureKind.UNREACHABLE
    if kind is None:
        return None
    headers = getattr(response, "headers", None) or {}
    return Failure(kind, said, status, retry_after(headers.get("Retry-After"), now))


def _said(cause: BaseException) -> str:
    """Its first line, without a full stop."""
    return (str(cause).strip().partition("\n")[0].removesuffix(".") or type(cause).__name__)[:_SAID]


def _by_words(cause: BaseException, said: str) -> FailureKind | None:
    """What is told by an error number or in words only."""
    number = cause.errno if isinstance(cause, OSError) else None
    if number in _DISK or any(word in said for word in _FULL_WORDS):
        return FailureKind.DISK_FULL
    if any(word in said for word in _CUT_WORDS):
        return FailureKind.INCOMPLETE
    if isinstance(cause, ssl.SSLError) or any(word in said for word in _TLS_WORDS):
        return FailureKind.INSECURE
    return None


def _of_status(status: int) -> FailureKind | None:
    is_servers = _SERVER_ERROR <= status <= _LAST_STATUS
    return _BY_STATUS.get(status) or (FailureKind.SERVER if is_servers else None)


def _is_of_the_line(cause: BaseException, names: set[str]) -> bool:
    is_numbered = isinstance(cause, OSError) and cause.errno in _NO_LINE
    return is_numbered or bool(names & _TRANSPORT) or type(cause).__name__ == "gaierror"
