"""The files of the chart board: our own scripts and styles, and uPlot from its installed package."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api import explained
from app.errors import RouteNotFound

OWN = Path(__file__).parent / "assets" / "board"
PATH = "/studio/board"
KINDS = {".js": "text/javascript", ".css": "text/css"}
FOR_EVER = "public, max-age=31536000, immutable"  # the address changes with the content


def board_assets() -> Route:
    """The route: exactly these files, at an address that names their content."""
    return Route(PATH + "/{digest}/{name}", _serve, methods=["GET"])


def board_script() -> str:
    """The address of the script that draws boards, below the server's root."""
    return f"{PATH}/{_digest()}/board.js"


async def _serve(request: Request) -> Response:
    """Old digests are answered with the present files too, but not kept by the browser."""
    name = request.path_params["name"]
    found = _files().get(name)
    if found is None:
        return explained(RouteNotFound(path=request.url.path), 404)
    is_current = request.path_params["digest"] == _digest()
    headers = {"cache-control": FOR_EVER if is_current else "no-store"}
    return Response(found, headers=headers, media_type=KINDS[Path(name).suffix])


@cache
def _files() -> dict[str, bytes]:
    """All files by name. uPlot is a classic script that defines `uPlot`; a last line makes it a module."""
    own = {path.name: path.read_bytes() for path in sorted(OWN.iterdir()) if path.suffix in KINDS}
    static = _uplot() / "static"
    script = (static / "uPlot.iife.js").read_bytes() + b"\nexport default uPlot;\n"
    return own | {"uPlot.js": script, "uPlot.css": (static / "uPlot.min.css").read_bytes()}


@cache
def _digest() -> str:
    everything = hashlib.sha256()
    for name, content in sorted(_files().items()):
        everything.update(f"{name} {len(content)} ".encode() + content)
    return everything.hexdigest()[:16]


def _uplot() -> Path:
    """The folder of the package, which is not imported: it would bring IPython along."""
    found = find_spec("uplot")
    assert found is not None, "uplot-python is a dependency of this program"
    assert found.origin is not None, "uplot-python is a regular package"
    return Path(found.origin).parent
