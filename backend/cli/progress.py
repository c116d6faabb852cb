"""Following a run in the terminal until it is over or paused."""

import time

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from backend.domain.run_view import RunView
from backend.domain.states import RunState
from backend.services.bundle import Services

POLL_SECONDS = 0.25
EXIT_CTRL_C = 130  # what a shell says of a program that SIGINT ended; `&&` must not go on


def follow(services: Services, run_id: str, *, is_quiet: bool = False) -> int:
    """Show progress until the run is at rest; 0 if it finished, else 1. Ctrl-C leaves it running and gives 130."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True, quiet=is_quiet)
    try:
        with Progress(*columns, TextColumn("{task.fields[loss]}"), console=console) as bar:
            view = _watch(services, run_id, bar, bar.add_task("waiting", total=None, loss=""))
    except KeyboardInterrupt:
        typer.echo(f"\nThe run goes on. Look at it with: peft-studio runs show {run_id}", err=True)
        return EXIT_CTRL_C
    if not is_quiet:
        typer.echo(f"{view.state.value}: {view.run.message}", err=True)
    return 0 if view.state is RunState.FINISHED else 1


def _watch(services: Services, run_id: str, bar: Progress, task: TaskID) -> RunView:
    while True:
        services.processes.reconcile()
        view = services.status.show(run_id)
        beat = view.heartbeat
        words = (beat.detail or beat.phase.value) if beat and view.run.needs_supervisor else view.state.value
        words = view.run.message if view.queue_position else words
        loss = f"loss {beat.loss:.4f}" if beat and beat.loss is not None else ""
        bar.update(task, description=words, total=view.total_steps or None, completed=view.step, loss=loss)
        if not view.run.needs_supervisor:
            return view
        time.sleep(POLL_SECONDS)
