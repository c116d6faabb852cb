"""peft-studio ui: serve the dashboard, and keep it alive."""

from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import leave
from backend.launcher.program import serve


def ui(
    ctx: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="First port tried; the ten after it follow.")
    ] = None,
) -> None:
    """Serve the dashboard, keep it alive, and print its address. Ctrl-C ends it; training goes on."""
    leave(serve(of(ctx).settings, port, typer.echo))
