"""peft-studio runs start-over, extend, fork: runs made of runs."""

from typing import Annotated

import typer

from backend.cli import runs
from backend.cli.context import of
from backend.cli.runs import Json, RunId, say_run

app = runs.app  # these commands join those of `runs`


@app.command("start-over")
def start_over(ctx: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """A new run with the same order from step 0; the old one stays as it is."""
    context = of(ctx)
    run = context.services.branching.start_over(run_id)
    say_run(context.services.status.show(run.id), f"started over from {run_id}", as_json=as_json)


@app.command()
def extend(
    ctx: typer.Context,
    run_id: RunId,
    steps: Annotated[int, typer.Option("--steps", min=1, help="So many more.")],
    as_json: Json = False,
) -> None:
    """Let a finished run go on for more steps; its result so far is kept beside."""
    context = of(ctx)
    context.services.branching.extend(run_id, steps)
    say_run(context.services.status.show(run_id), f"extended by {steps} steps", as_json=as_json)


@app.command()
def fork(
    ctx: typer.Context,
    run_id: RunId,
    step: Annotated[int, typer.Option("--step", min=1, help="The step of one of its checkpoints.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one setting; may be repeated.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call the new run.")] = "",
    as_json: Json = False,
) -> None:
    """A new run that goes on from a checkpoint of another one with changed settings."""
    context = of(ctx)
    changes = context.services.configs.changes(settings or ())
    run = context.services.branching.fork(run_id, step, changes, name)
    say_run(context.services.status.show(run.id), f"forked from {run_id} at step {step}", as_json=as_json)
