"""GET /api/runs/{run_id}/log: the whole log of an attempt as a file, sent piece by piece."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.errors import LogNotFound
from app.runtime import get_services

PIECE_BYTES = 1_000_000
_MOST_DIGITS = 6


def whole_log(request: Request) -> Response:
    """?attempt=N, else the latest. Raises RunNotFound, LogNotFound."""
    run_id, status = request.path_params["run_id"], get_services().status
    asked = request.query_params.get("attempt", "")
    latest = status.show(run_id).run.latest_attempt
    number = latest.number if latest and not asked else _number(asked)
    parts = status.log_parts(run_id, number) if number else ()
    if not parts:
        raise LogNotFound(run_id=run_id, attempt=asked or "the latest")
    headers = {
        "content-disposition": f'attachment; filename="{run_id}-attempt-{number:03d}.log"',
        "cache-control": "no-store",
    }
    return StreamingResponse(_pieces(parts), media_type="text/plain; charset=utf-8", headers=headers)


def _number(asked: str) -> int:
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) <= _MOST_DIGITS else 0


def _pieces(parts: Sequence[Path]) -> Iterator[bytes]:
    """A log that is cut meanwhile ends early."""
    for part in parts:
        with suppress(FileNotFoundError), part.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
