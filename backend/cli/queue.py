"""peft-studio queue: list, move, priority, hold, release, after."""

from typing import Annotated

import typer

from backend.cli.context import Context, of
from backend.cli.output import JSON_HELP, print_json, print_table
from backend.domain.run import Run

app = typer.Typer(help="Look at the runs that wait for a device, and change their order.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
Json = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


@app.command("list")
def list_queue(ctx: typer.Context, as_json: Json = False) -> None:
    """The waiting runs in the order in which they start, then those held back."""
    context = of(ctx)
    context.look_after_runs()
    _show(context, as_json=as_json)


@app.command()
def move(
    ctx: typer.Context,
    run_id: RunId,
    position: Annotated[int, typer.Argument(min=1, help="Its new place in the queue; 1 starts next.")],
    as_json: Json = False,
) -> None:
    """Give a waiting run another place; it takes the priority of the run that had it."""
    context = of(ctx)
    context.services.queue.move(run_id, position)
    _show(context, as_json=as_json)


@app.command(context_settings={"ignore_unknown_options": True})
def priority(
    ctx: typer.Context,
    run_id: RunId,
    number: Annotated[int, typer.Argument(help="The higher one starts first; 0 by default, may be negative.")],
    as_json: Json = False,
) -> None:
    """Let a waiting run start before or after those with other priorities."""
    context = of(ctx)
    context.services.queue.set_priority(run_id, number)
    _show(context, as_json=as_json)


@app.command()
def hold(ctx: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """Keep a waiting run from starting."""
    context = of(ctx)
    context.services.queue.hold(run_id)
    _show(context, as_json=as_json)


@app.command()
def release(ctx: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """Let a held run start when it is its turn."""
    context = of(ctx)
    context.services.queue.release(run_id)
    _show(context, as_json=as_json)


@app.command()
def after(
    ctx: typer.Context,
    run_id: RunId,
    other: Annotated[str, typer.Argument(metavar="[OTHER]", help="Left out: it waits for no run.")] = "",
    as_json: Json = False,
) -> None:
    """Let a waiting run start only after another one has finished."""
    context = of(ctx)
    context.services.queue.wait_for(run_id, other)
    _show(context, as_json=as_json)


def _show(context: Context, *, as_json: bool) -> None:
    waiting = context.services.queue.waiting()
    places = [(str(number), run) for number, run in enumerate(waiting.line, start=1)]
    rows = places + [("held", run) for run in waiting.held]
    if as_json:
        print_json([context.services.status.show(run.id).to_json() for _, run in rows])
    elif rows:
        print_table(("ID", "PLACE", "NAME", "PRIORITY", "MESSAGE"), [_row(place, run) for place, run in rows])
    else:
        typer.echo("No run waits.")


def _row(place: str, run: Run) -> tuple[object, ...]:
    return run.id, place, run.name, run.priority, run.message
