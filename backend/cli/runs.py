"""peft-studio runs: list, show, pause, stop, resume, delete, logs."""

from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.fixing import fix
from backend.cli.output import JSON_HELP, leave, print_json, print_table
from backend.cli.progress import follow
from backend.domain.run_view import RunView
from backend.domain.states import RunState
from backend.errors import NotFoundError


class AttemptNotFound(NotFoundError):
    """An attempt that the run has not made."""

    id = "attempt-not-found"
    what = "The run {run_id} has no attempt {number}."
    why = "Its attempts are: {numbers}."
    fix = "Name one of these with --attempt, or leave it out for the latest."


app = typer.Typer(help="Look at runs and act on them.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")]
Json = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


@app.command("list")
def list_runs(
    ctx: typer.Context,
    as_json: Json = False,
    state: Annotated[RunState | None, typer.Option(help="Only runs in this state.")] = None,
) -> None:
    """All runs, newest first."""
    context = of(ctx)
    context.look_after_runs()
    found = [view for view in context.services.status.list() if state in (None, view.state)]
    if as_json:
        print_json([view.to_json() for view in found])
    elif found:
        print_table(("ID", "NAME", "STATE", "STEP", "MESSAGE"), [_row(view) for view in found])
    elif state:
        typer.echo(f"No run is {state.value}.")
    else:
        typer.echo("No runs yet. Start one: peft-studio train config/presets/demo.yaml")


@app.command()
def show(ctx: typer.Context, run_id: RunId, as_json: Json = False) -> None:
    """One run with its attempts and journal."""
    context = of(ctx)
    context.look_after_runs()
    view = context.services.status.show(run_id)
    journal = context.services.status.journal(run_id)
    if as_json:
        lines = [
            {"at": j.at.isoformat(), "from": j.source.value, "to": j.target.value, "reason": j.reason} for j in journal
        ]
        offered = context.services.repairs.offer(run_id)
        print_json(view.to_json() | {"journal": lines, "offer": offered.words if offered else None})
        return
    typer.echo(f"{view.name} ({view.id})\n{view.state.value}: {view.run.message}")
    saved = view.last_checkpoint_step
    typer.echo(f"step {view.step} of {view.total_steps or '?'}, checkpoint {'none yet' if saved is None else saved}")
    typer.echo(f"folder {view.run.run_dir}")
    if view.standby_bytes is not None:
        typer.echo(f"warm standby: process {view.standby_pid}, {view.standby_bytes / 1e6:.0f} MB")
    if offered := context.services.repairs.offer(run_id):
        typer.echo(f"offered: {offered.words}\n  take it: peft-studio runs fix {run_id}")
    if view.run.origin:
        typer.echo(f"{view.run.origin.sentence()}")
    print_table(
        ("ATTEMPT", "PID", "EXIT", "RESUMED FROM", "REASON"),
        [
            (a["number"], a["pid"], a["exit_code"], a["resumed_from_step"], a["reason"])
            for a in view.to_json()["attempts"]
        ],
    )
    for line in journal:
        typer.echo(f"{line.at:%Y-%m-%d %H:%M:%S}  {line.target.value:<12} {line.reason}")


@app.command()
def pause(
    ctx: typer.Context,
    run_id: RunId,
    keep_slot: Annotated[bool, typer.Option("--keep-place", help="Let no other run have its place meanwhile.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a run to write a checkpoint and leave memory and device until it is resumed."""
    context = of(ctx)
    context.services.training.pause(run_id, keep_slot)
    say_run(context.services.status.show(run_id), "asked to pause", as_json=as_json)


@app.command()
def stop(
    ctx: typer.Context,
    run_id: RunId,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for a checkpoint.")] = False,
    as_json: Json = False,
) -> None:
    """Ask a run to write a checkpoint and end; it can be resumed later."""
    context = of(ctx)
    (context.services.training.stop_now if now else context.services.training.stop)(run_id)
    say_run(context.services.status.show(run_id), "asked to stop", as_json=as_json)


@app.command()
def resume(
    ctx: typer.Context,
    run_id: RunId,
    as_json: Json = False,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the run is over or paused.")] = False,
) -> None:
    """Go on from the last checkpoint."""
    context = of(ctx)
    context.services.training.resume(run_id)
    code = follow(context.services, run_id, is_quiet=as_json) if wait else 0
    if as_json or not wait:
        say_run(context.services.status.show(run_id), "resumed", as_json=as_json)
    leave(code)


app.command("fix")(fix)


@app.command()
def delete(
    ctx: typer.Context,
    run_id: RunId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Move a run at rest to the workspace's trash folder."""
    context = of(ctx)
    name = context.services.status.show(run_id).name
    if not yes:
        typer.confirm(f"Move the run {name} to the trash?", abort=True, err=True)
    place = context.services.library.delete(run_id)
    if as_json:
        print_json({"id": run_id, "trash": str(place) if place else None})
    else:
        typer.echo(f"{run_id} is now in {place}" if place else f"{run_id} is forgotten; it had no folder")


@app.command()
def logs(
    ctx: typer.Context,
    run_id: RunId,
    attempt: Annotated[int | None, typer.Option(min=1, help="The attempt's number; the latest by default.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines from the end.")] = 100,
    as_json: Json = False,
) -> None:
    """The end of an attempt's log."""
    context = of(ctx)
    context.look_after_runs()
    number = _attempt(context.services.status.show(run_id), attempt)
    text = context.services.status.log(run_id, number, max_bytes=max(256_000, lines * 400))
    wanted = text.splitlines()[-lines:]
    if as_json:
        print_json({"id": run_id, "attempt": number, "lines": wanted})
    else:
        typer.echo("\n".join(wanted) or "No log yet.")


def _attempt(view: RunView, wanted: int | None) -> int | None:
    """The number of the attempt whose log is meant; None if the run has none yet. Raises AttemptNotFound."""
    numbers = [attempt.number for attempt in view.run.attempts]
    if wanted is not None and wanted not in numbers:
        raise AttemptNotFound(run_id=view.id, number=wanted, numbers=", ".join(map(str, numbers)) or "none yet")
    return wanted or (numbers[-1] if numbers else None)


def _row(view: RunView) -> tuple[object, ...]:
    steps = f"{view.step}/{view.total_steps}" if view.total_steps else str(view.step)
    return view.id, view.name, view.state.value, steps, view.run.message


def say_run(view: RunView, verb: str, *, as_json: bool) -> None:
    """What was asked for, and what the run is now."""
    if as_json:
        print_json(view.to_json())
    else:
        typer.echo(f"{view.id}: {verb} ({view.state.value})")
