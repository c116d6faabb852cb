"""peft-studio explain: what an error means, by its id."""

from typing import Annotated

import typer

from backend.cli.output import JSON_HELP, print_json, print_table
from backend.services.error_catalogue import ErrorCatalogue


def explain(
    error_id: Annotated[
        str | None, typer.Argument(metavar="ERROR_ID", help="As in brackets beside an error; all of them if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """What an error means and how to go on. Words in braces are filled in when it happens."""
    catalogue = ErrorCatalogue()
    if error_id is None:
        entries = catalogue.all()
        if as_json:
            print_json([entry.to_json() for entry in entries])
        else:
            print_table(("error", "what"), [(entry.id, entry.what) for entry in entries])
        return
    entry = catalogue.find(error_id.strip("[]"))
    if as_json:
        print_json(entry.to_json())
        return
    lines = [entry.id, f"  What: {entry.what}", f"  Why: {entry.why}", f"  Fix: {entry.fix}"]
    lines += [f"  Exit code {entry.exit_code}; more in {entry.page}"]
    typer.echo("\n".join(lines))
