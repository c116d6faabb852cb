"""peft-studio data: what training would make of a dataset, before it is trained on."""

import json
from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import Context, of
from backend.cli.data_output import print_report
from backend.cli.output import JSON_HELP, leave, print_json
from backend.domain.run_config import RunConfig
from backend.errors import EXIT_CONFIGURATION
from backend.services.data_doctor import order_of
from config.catalog import DEMO_MODEL

app = typer.Typer(help="Look at datasets before they are trained on.", no_args_is_help=True)
ORDERS = frozenset({".yaml", ".yml"})


@app.callback()
def data() -> None:
    """Look at datasets before they are trained on."""


@app.command()
def check(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(metavar="RUN.yaml|DATASET", help="An order, a file, a folder, sample:NAME, or hub:ORG/NAME."),
    ],
    model: Annotated[
        str | None, typer.Option(help="Base model that cuts text into tokens: a folder, a hub id, or demo.")
    ] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", help="How rows are read; auto looks at the columns.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="Recipe whose tokens are shown; without it the rows' usual one: sft, dpo, kto.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Longer rows are cut, in tokens.")] = None,
    rows: Annotated[int, typer.Option(min=1, max=100_000, help="Rows that are examined, drawn by the seed.")] = 256,
    show: Annotated[int, typer.Option(min=0, max=1_000, help="Rows whose tokens are shown.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Show which tokens are learned, how long rows are, and what is wrong. Exit code 78 if anything is an error."""
    context = of(ctx)
    named = {
        "base_model": model,
        "dataset.format": format_name,
        "recipe": recipe,
        "training.max_length": max_length,
    }
    overrides = {key: value for key, value in named.items() if value is not None}
    is_order = Path(what).suffix.lower() in ORDERS
    config = _read(context, Path(what), overrides) if is_order else _made(context, what, overrides)
    base = Path(what).absolute().parent if is_order else Path.cwd()
    order = order_of(config, base, num_rows=rows, show=show)
    if not is_order:
        unnamed = {"base_model": model, "recipe": recipe}
        order = order.model_copy(update={key: None for key, value in unnamed.items() if value is None})
    report = context.services.doctor.check(order)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        print_report(report)
    leave(EXIT_CONFIGURATION if report.has_errors else 0)


def _read(context: Context, path: Path, overrides: dict[str, str | int]) -> RunConfig:
    return context.services.configs.read(path, [f"{key}={json.dumps(value)}" for key, value in overrides.items()])


def _made(context: Context, dataset: str, overrides: dict[str, str | int]) -> RunConfig:
    training = {"max_length": overrides["training.max_length"]} if "training.max_length" in overrides else {}
    return context.services.configs.parse(
        {
            "base_model": overrides.get("base_model", DEMO_MODEL),
            "dataset": {"path": dataset, "format": overrides.get("dataset.format", "auto")},
            "recipe": overrides.get("recipe", "sft"),
            "training": training,
        }
    )
