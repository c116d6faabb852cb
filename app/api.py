"""The HTTP interface under /api: JSON (logs: text), read-only, telling what the services tell."""

import math
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from app.curves_as_json import columns, overview
from app.errors import MethodNotAllowed, RouteNotFound
from app.log_download import whole_log
from app.runtime import get_services
from backend.errors import NotFoundError, StudioError
from backend.methods import Method
from backend.services.curve_errors import CurveNotFound
from backend.spec import Spec, members


def api() -> Mount:
    """Everything below /api; what does not exist there is a JSON 404 and not Streamlit's page."""
    questions = {
        "/health": health,
        "/dependencies": dependencies,
        "/machine": machine,
        "/peft/algorithms": algorithms,
        "/startup/status": startup_status,
        "/errors": errors,
        "/errors/{error_id}": error,
        "/runs": runs,
        "/runs/{run_id}": run,
        "/runs/{run_id}/curves": run_curves,
        "/runs/{run_id}/memory": run_memory,
        "/runs/{run_id}/log": whole_log,
    }
    routes = [Route(path, question, methods=["GET"]) for path, question in questions.items()]
    handlers = {HTTPException: _refused, StudioError: _explained, Exception: _unexpected}
    return Mount("/api", app=Starlette(routes=routes, exception_handlers=handlers))


async def health(_request: Request) -> JSONResponse:
    """Whether the server answers: no service is asked and nothing is imported. The launcher knows it by its pid."""
    now = datetime.now(UTC).isoformat()
    return _answer({"status": "ok", "timestamp": now, "version": _studio_version(), "pid": os.getpid()})


def dependencies(_request: Request) -> JSONResponse:
    """What is installed."""
    return _answer(asdict(get_services().dependencies.summary()))


def machine(_request: Request) -> JSONResponse:
    """What the machine has, measured now, and what torch said about its GPUs; null if it was not asked."""
    services = get_services()
    truth = services.cuda_truth.look()
    told = {"hardware": services.hardware.snapshot().to_json(), "torch": truth and truth.model_dump(mode="json")}
    return _answer(told)


def algorithms(_request: Request) -> JSONResponse:
    """The methods one can train with, and their knobs."""
    return _answer({"algorithms": [_algorithm(spec) for spec in members(Method)]})


def startup_status(_request: Request) -> JSONResponse:
    """What starting took."""
    return _answer(get_services().startup.status().to_json())


def errors(_request: Request) -> JSONResponse:
    """Every kind of error, by id."""
    return _answer({"errors": [entry.to_json() for entry in get_services().catalogue.all()]})


def error(request: Request) -> JSONResponse:
    """One kind of error: what it means, and how to go on."""
    return _answer(get_services().catalogue.find(request.path_params["error_id"]).to_json())


def runs(_request: Request) -> JSONResponse:
    """All runs, newest first."""
    return _answer({"runs": [view.to_json() for view in get_services().status.list()]})


def run(request: Request) -> JSONResponse:
    """One run."""
    return _answer(get_services().status.show(request.path_params["run_id"]).to_json())


def run_memory(request: Request) -> JSONResponse:
    """What a run took at its peak, beside what is forecast for it; null for what is not known."""
    services, run_id = get_services(), request.path_params["run_id"]
    found = services.memory_forecasts.of_run(services.status.show(run_id).run)
    told = {"forecast": found.forecast, "measured": found.record}
    return _answer({"run": run_id, **{name: one and one.model_dump(mode="json") for name, one in told.items()}})


def run_curves(request: Request) -> JSONResponse:
    """The tags of a run with their last points, or, with ?tag=, all points of one; NaN and infinities are texts."""
    run_id = request.path_params["run_id"]
    found = get_services().sources.curves(f"run:{run_id}")
    tag = request.query_params.get("tag")
    if tag is None:
        return _as_it_is({"run": run_id, **overview(found)})
    series = found.series.get(tag)
    if series is None:
        raise CurveNotFound(source=run_id, tag=tag, tags=", ".join(sorted(found.series)) or "nothing yet")
    return _as_it_is({"run": run_id, **columns(series)})


def _algorithm(spec: type[Spec]) -> dict[str, Any]:
    return {
        "id": spec.spec_name(),
        "name": spec.card.title,
        "description": spec.card.summary,
        "use_when": spec.card.use_when,
        "recommended": spec.card.recommended,
        "requirements": spec.card.requires,
        "unavailable": spec.card.unavailable,
        "can_merge": spec.card.can_merge,
        "quantizations": spec.card.quantizations,
        "limits": spec.card.limits,
        "paper": spec.card.paper,
        "parameters": [asdict(parameter) for parameter in spec.parameters()],
    }


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = {404: RouteNotFound, 405: MethodNotAllowed}.get(error.status_code, StudioError)
    problem = kind(path=request.url.path, method=request.method)
    return explained(problem, error.status_code, error.headers)


async def _explained(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StudioError)
    return explained(error, 404 if isinstance(error, NotFoundError) else 500)


async def _unexpected(_request: Request, _error: Exception) -> JSONResponse:
    """The trace is in the server's log; Starlette raises the error again after this answer."""
    return explained(StudioError(), 500)


def explained(error: StudioError, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as JSON: id, what, why, fix, at."""
    return _answer({"error": asdict(error.explain())}, status, headers)


def _answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return _as_it_is(_finite(body), status, headers)


def _as_it_is(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Without a look at each of perhaps a million numbers."""
    return JSONResponse(body, status, {"cache-control": "no-store", **(headers or {})})


def _finite(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """JSON knows no NaN and no infinity: a loss that diverged becomes null."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@cache
def _studio_version() -> str:
    try:
        return version("peft-studio")
    except PackageNotFoundError:
        return "unknown"
