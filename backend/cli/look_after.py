"""peft-studio runs look-after: see that each run has its supervisor, once or for as long as it is left running."""

import sys
from typing import Annotated

import typer

from backend.cli.context import Context, of
from backend.cli.output import JSON_HELP, print_json
from backend.errors import StudioError
from backend.launcher.leave import Leave


def look_after(
    ctx: typer.Context,
    every: Annotated[
        float, typer.Option(min=0, help="Look again each so many seconds, until Ctrl-C or TERM; 0 looks once.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """See that each run has its supervisor. Says only what it did; runs go on when it ends."""
    context = of(ctx)
    with Leave() as leave:
        told = ""
        while not leave.is_asked:
            told = _look(context, told, as_json=as_json, is_once=every == 0)
            if every == 0:
                return
            leave.pause(every)


def _look(context: Context, before: str, *, as_json: bool, is_once: bool) -> str:
    """One look; what was said, so that the next one does not repeat it."""
    try:
        report = context.services.processes.reconcile()
    except StudioError as error:
        if is_once:
            raise
        return _once(error.explain().sentence(), before)
    if as_json and (is_once or report.started or report.refused):
        print_json({"started": list(report.started), "refused": dict(report.refused)})
        return ""
    lines = [f"{run_id}: has a supervisor again" for run_id in report.started]
    for line in lines:
        typer.echo(line)
        sys.stdout.flush()
    return _once("\n".join(f"{run_id}: {reason}" for run_id, reason in report.refused), before)


def _once(trouble: str, before: str) -> str:
    if trouble and trouble != before:
        typer.echo(trouble, err=True)
    return trouble
