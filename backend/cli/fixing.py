"""peft-studio runs fix: take the change that is offered after a failure."""

from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json
from backend.services.errors import NothingToChange


def fix(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be changed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Change what the diagnosis offers to change, and go on from the last checkpoint."""
    services = of(ctx).services
    found = services.repairs.offer(run_id)
    if found is None:
        raise NothingToChange(run_id=run_id, error_id=services.status.show(run_id).run.error_id or "none")
    if not dry_run:
        services.repairs.apply_change(run_id)
    if as_json:
        print_json({"id": run_id, "changes": found.changes, "words": found.words, "is_applied": not dry_run})
    else:
        typer.echo(f"{run_id}: {'would change' if dry_run else 'goes on with'} {found.words}")
