"""peft-studio doctor: is everything here that training needs?"""

from dataclasses import asdict
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, leave, print_json
from backend.errors import EXIT_CONFIGURATION


def doctor(ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False) -> None:
    """Check Python, packages, GPU and disk; exit code 78 if something that training needs is missing."""
    services = of(ctx).services
    report = services.dependencies.check_all()
    hardware = services.hardware.snapshot()
    if as_json:
        print_json({"dependencies": asdict(report), "hardware": asdict(hardware)})
    else:
        for check in report.checks:
            state = "ok" if check.passed else "wrong" if check.installed else "missing"
            typer.echo(f"{state:<8}{check.name} {check.version or ''}")
            if check.error and (check.required or check.fix_instructions):
                typer.echo(f"        {check.error} {check.fix_instructions or ''}".rstrip())
        for text in report.recommendations:
            typer.echo(text)
    if not report.all_passed:
        leave(EXIT_CONFIGURATION)
