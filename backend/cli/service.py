"""peft-studio service: install, uninstall, status."""

from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json
from backend.services.boot_service import BootServiceStatus

app = typer.Typer(
    help="Look after runs from boot on, without a browser: a systemd user unit, only if you install it.",
    no_args_is_help=True,
)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Json = Annotated[bool, typer.Option("--json", help=JSON_HELP)]


@app.command()
def install(ctx: typer.Context, yes: Yes = False, as_json: Json = False) -> None:
    """Show the unit, ask, write it, and start it."""
    boot = of(ctx).services.boot
    typer.echo(f"# {boot.path}\n{boot.text()}", err=as_json)
    if not yes:
        typer.confirm("Write this file, enable the unit and start it?", abort=True, err=True)
    _say(boot.install(), as_json=as_json)


@app.command()
def uninstall(ctx: typer.Context, yes: Yes = False, as_json: Json = False) -> None:
    """Stop the unit and remove its file. Runs go on."""
    boot = of(ctx).services.boot
    if not yes:
        typer.confirm(f"Stop the unit and remove {boot.path}?", abort=True, err=True)
    _say(boot.uninstall(), as_json=as_json)


@app.command()
def status(ctx: typer.Context, as_json: Json = False) -> None:
    """Whether the unit is installed, and what systemd says of it."""
    _say(of(ctx).services.boot.status(), as_json=as_json)


def _say(found: BootServiceStatus, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(found))
        return
    if not found.is_installed:
        typer.echo(f"Not installed: there is no {found.path}.")
        return
    typer.echo(f"{found.path}\n{found.active}, {found.enabled}")
    if not found.is_current:
        typer.echo("The file is not what this installation and these settings would write: install it again.")
    if found.lingers:
        typer.echo("It starts at boot: lingering is on for you.")
    else:
        typer.echo("It starts when you log in, and ends with your last session, as does all that you run. To have it")
        typer.echo("start at boot and stay, without a login, turn lingering on yourself: loginctl enable-linger")
