"""peft-studio train: start a run from a run.yaml."""

from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, leave, print_json
from backend.cli.progress import follow
from backend.domain.states import RunState


def train(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="RUN.yaml", help="What to train; what the dashboard writes too.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one value; may be repeated.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Of two waiting runs the one with the higher number starts first.")] = 0,
    after: Annotated[str, typer.Option(metavar="RUN", help="Start only after this run has finished.")] = "",
    retries: Annotated[int, typer.Option(min=0, max=100, help="So often it is queued again if it fails.")] = 0,
    hold: Annotated[bool, typer.Option("--hold", help="Queue it, but do not start it until `queue release`.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the run is over.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Start a run, or let it wait for its turn. It lives in the background; without --wait this returns at once."""
    context = of(ctx)
    order = context.services.configs.read(config, overrides or ())
    run = context.services.training.start(
        order, config.absolute().parent, priority=priority, after=after, retries=retries, is_held=hold
    )
    if not wait:
        if as_json:
            print_json({"id": run.id})
        else:
            waits = f"{run.message}\n" if run.state in (RunState.QUEUED, RunState.PAUSED) else ""
            typer.echo(f"{run.id}\n{waits}Watch it with: peft-studio runs show {run.id}")
        return
    code = follow(context.services, run.id, is_quiet=as_json)
    if as_json:
        print_json(context.services.status.show(run.id).to_json())
    leave(code)
