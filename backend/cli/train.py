"""peft-studio train: start a run from a run.yaml."""

from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, leave, print_json
from backend.cli.progress import follow


def train(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="RUN.yaml", help="What to train; what the dashboard writes too.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one value; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the run is over.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Start a run. It lives in the background; without --wait this prints its id and returns at once."""
    context = of(ctx)
    order = context.services.configs.read(config, overrides or ())
    run = context.services.training.start(order, config.absolute().parent)
    if not wait:
        if as_json:
            print_json({"id": run.id})
        else:
            typer.echo(f"{run.id}\nWatch it with: peft-studio runs show {run.id}")
        return
    code = follow(context.services, run.id, is_quiet=as_json)
    if as_json:
        print_json(context.services.status.show(run.id).to_json())
    leave(code)
