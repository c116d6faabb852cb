"""peft-studio presets: what an order can begin with, by tags and words."""

from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json, print_table
from config.preset_tags import is_wanted


def presets(
    ctx: typer.Context,
    tag: Annotated[list[str] | None, typer.Option(help="Only those with this tag; several: with all of them.")] = None,
    search: Annotated[str, typer.Option(help="Only those with these words in their name or tags.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Shipped presets and your own, with their tags."""
    configs = of(ctx).services.configs
    own = configs.own_presets()
    tags = configs.preset_tags()
    wanted = [one.strip().lower() for one in tag or ()]
    found = [name for name in tags if is_wanted(name, tags[name], search, wanted)]
    if as_json:
        known = configs.presets()
        print_json([{"name": n, "is_own": n in own, "tags": tags[n], "preset": known[n]} for n in found])
    elif found:
        print_table(("PRESET", "TAGS", "WHOSE"), [(n, ", ".join(tags[n]), "own" if n in own else "") for n in found])
    else:
        typer.echo("No preset fits.")
