"""peft-studio memory: how much memory a run will take, or takes, and whether there is room for it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json
from backend.domain.memory_fit import Fit, Forecasting, device_words, memory_words, range_words
from backend.domain.run_config import RunConfig
from backend.services.bundle import Services
from backend.services.jobs import JobState
from backend.services.memory_forecasts import MemoryNotForecast
from backend.services.memory_measuring import MemoryNotMeasured

LOOK_SECONDS = 1.0
MOST_LOOKS = 900
VERDICTS = {Fit.YES: "fits", Fit.PERHAPS: "may not fit", Fit.HARDLY: "will probably not fit"}


def memory(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="RUN.yaml", help="What would be trained.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one value; may be repeated.")
    ] = None,
    measure: Annotated[
        bool,
        typer.Option("--measure", help="Take three real steps on the longest batch; only figures stay."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Tell how much memory a run takes at its peak: in parts, as a range, beside what there is room for now."""
    services = of(ctx).services
    order, base = services.configs.read(config, overrides or ()), config.absolute().parent
    found = _forecast(services, order, base)
    if measure:
        _measure(services, order, base, is_quiet=as_json)
        found = services.memory_forecasts.look(order, base)
    if found.forecast is None:
        raise MemoryNotForecast(found.error, ending="gave no answer", last_words="")
    if as_json:
        print_json(as_document(found))
    else:
        _print(found)


def as_document(found: Forecasting) -> dict[str, Any]:
    """As JSON: the forecast in bytes, the room, and whether it fits."""
    told = found.forecast.model_dump(mode="json") if found.forecast else None
    return {"forecast": told, "room_bytes": found.room_bytes, "fit": found.fit.value, "error": _error(found)}


def _error(found: Forecasting) -> dict[str, str] | None:
    return asdict(found.error) if found.error else None


def _forecast(services: Services, order: RunConfig, base: Path) -> Forecasting:
    found = services.memory_forecasts.ask(order, base, LOOK_SECONDS)
    for _ in range(MOST_LOOKS):
        found = services.memory_forecasts.ask(order, base, LOOK_SECONDS)
        if found.is_settled:
            break
    return found


def _measure(services: Services, order: RunConfig, base: Path, *, is_quiet: bool) -> None:
    job = services.measuring.start(order, base)
    said = ""
    while not job.wait(LOOK_SECONDS):
        if job.said != said and not is_quiet:
            said = job.said
            typer.echo(f"measuring: {said}", err=True)
    if job.state is not JobState.DONE:
        raise MemoryNotMeasured(job.error, ending="was ended", last_words="")


def _print(found: Forecasting) -> None:
    forecast = found.forecast
    assert forecast is not None
    typer.echo(f"{'peak':<14}{range_words(forecast)} of {device_words(forecast.device)}")
    for part, size in forecast.parts.items():
        typer.echo(f"  {part.value:<12}{memory_words(size)}")
    room = "not known" if found.room_bytes is None else memory_words(found.room_bytes)
    verdict = VERDICTS.get(found.fit, "")
    typer.echo(f"{'room now':<14}{room}{f': {verdict}' if verdict else ''}")
    typer.echo(f"{'from':<14}{'; '.join(forecast.sources)}")
