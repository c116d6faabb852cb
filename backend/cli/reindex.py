"""peft-studio reindex: bring runs back into a store that was lost."""

from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json


def reindex(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """Read every run folder of the workspace and restore the runs that the store does not know."""
    report = of(ctx).services.reindexing.run()
    if as_json:
        skipped = [{"folder": name, "reason": reason} for name, reason in report.skipped]
        print_json({"restored": list(report.restored), "skipped": skipped})
        return
    typer.echo(f"{len(report.restored)} runs restored")
    for name, reason in report.skipped:
        typer.echo(f"left alone: {name}: {reason}")
