"""peft-studio tensorboard: TensorBoard's own page of runs or of any log directory."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import of
from backend.domain.run_directory import RunDirectory
from backend.domain.tensorboard_page import Showing, Stage
from backend.errors import NotFoundError
from backend.launcher.leave import Leave
from backend.services.bundle import Services
from backend.services.errors import TensorBoardFailed

LOOK_SECONDS = 0.2


class NoLogDirectory(NotFoundError):
    """Nothing that TensorBoard could show."""

    id = "no-log-directory"
    what = "There is no log directory to show."
    why = "{why}"
    fix = "Name runs (peft-studio runs list) or a folder that exists: peft-studio tensorboard --logdir DIR"


def tensorboard(
    ctx: typer.Context,
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Ids of runs; none means all.")] = None,
    logdir: Annotated[Path | None, typer.Option(help="Any folder with event files instead of runs.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="This port and no other.")] = None,
) -> None:
    """Show runs in TensorBoard itself, on 127.0.0.1, and print its address. Ctrl-C ends it."""
    context = of(ctx)
    services = context.services
    directories = _folder(logdir) if logdir else _runs(services, runs or [])
    try:
        with Leave() as leave:
            services.tensorboard.start(directories, port)
            url = ""
            while not leave.is_asked:
                showing = services.tensorboard.showing(directories)
                if showing.stage is Stage.READY and showing.url != url:
                    url = showing.url
                    _say(showing)
                    if not showing.is_ours:
                        return
                if showing.stage in (Stage.FAILED, Stage.OFF):
                    folder = context.settings.workspace / "tensorboard"
                    raise TensorBoardFailed(reason=showing.reason or "It has ended.", log=f"{folder}/*/server.log")
                leave.pause(LOOK_SECONDS)
    finally:
        services.tensorboard.close()


def _say(showing: Showing) -> None:
    typer.echo(f"TensorBoard answers at {showing.url}")
    typer.echo("Press Ctrl-C to end it." if showing.is_ours else "It ends with the program that started it.")
    sys.stdout.flush()


def _folder(logdir: Path) -> Mapping[str, Path]:
    if not logdir.is_dir():
        raise NoLogDirectory(why=f"{logdir} is no folder.")
    return {logdir.absolute().name or "logs": logdir.absolute()}


def _runs(services: Services, ids: list[str]) -> Mapping[str, Path]:
    views = [services.status.show(run_id) for run_id in dict.fromkeys(ids)] or services.status.list()
    if not views:
        raise NoLogDirectory(why="The workspace has no run yet.")
    return {view.id: RunDirectory(view.run.run_dir).tensorboard for view in views}
