"""peft-studio sweep: one run.yaml, several runs with other values of some settings."""

from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json, print_table
from backend.domain.sweep import PATTERN, SweepKind, written
from backend.services.sweeps import SweepInvalid, SweepPlan, axis, told_problems

AXIS_HELP = "A setting with its values, such as training.learning_rate=1e-4,2e-4; may be repeated."


def sweep(
    ctx: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="RUN.yaml", help="What all runs of the sweep have in common.")],
    grid: Annotated[list[str] | None, typer.Option("--grid", metavar="a.b=1,2", help=AXIS_HELP)] = None,
    is_list: Annotated[
        bool, typer.Option("--list", help="Take first values together, then second ones, instead of all combinations.")
    ] = False,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b=c", help="Change one value of all runs; may be repeated.")
    ] = None,
    pattern: Annotated[
        str, typer.Option("--name", help="How runs are called: {name}, {settings}, {number}, {a.b} are filled in.")
    ] = PATTERN,
    tag: Annotated[str, typer.Option(help="The tag that they all get; made of name and time by itself.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show and check the runs, and start none.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Queue a run for each combination of values: all of them, or none if one of them cannot be."""
    context = of(ctx)
    services = context.services
    raw = services.configs.read_raw(config, overrides or ())
    kind = SweepKind.LIST if is_list else SweepKind.GRID
    plan = services.sweeps.plan(raw, [axis(text) for text in grid or ()], kind, pattern)
    if not plan.is_valid:
        raise SweepInvalid(problems=told_problems(plan))
    tag = tag or services.sweeps.tag(raw)
    if dry_run:
        _show(plan, tag, as_json=as_json)
        return
    runs = services.sweeps.start(plan, config.absolute().parent, tag)
    if as_json:
        print_json({"tag": tag, "ids": [run.id for run in runs]})
        return
    for run in runs:
        typer.echo(run.id)
    typer.echo(f"{len(runs)} runs wait for their turn, with the tag {tag}. Compare them: peft-studio compare RUN RUN")


def _show(plan: SweepPlan, tag: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"tag": tag, "runs": [{"name": run.name, "settings": dict(run.settings)} for run in plan.runs]})
        return
    keys = list(plan.runs[0].settings)
    print_table(("NAME", *keys), [(run.name, *(written(run.settings[key]) for key in keys)) for run in plan.runs])
    typer.echo(f"{len(plan.runs)} runs, none started.")
