"""peft-studio suggest: settings that suit the model, the rows, the machine and the method, each with its reason."""

from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import Context, of
from backend.cli.output import JSON_HELP, print_json, print_table
from backend.domain.data_report import Lengths
from backend.domain.run_config import RunConfig
from backend.domain.smart_defaults import Suggestion, as_words
from backend.errors import ConfigurationError, StudioError
from config.catalog import DEMO_MODEL, profiles

WAIT_SECONDS = 1.0


class SuggestNothingNamed(ConfigurationError):
    """Neither an order nor a dataset."""

    id = "suggest-nothing-named"
    what = "There is nothing to suggest settings for."
    why = "Neither a run.yaml nor a dataset was named."
    fix = "peft-studio suggest RUN.yaml, or peft-studio suggest --model MODEL --dataset FILE."


class ProfileUnknown(ConfigurationError):
    """A use case that does not exist."""

    id = "profile-unknown"
    what = "There is no such use case."
    why = "{name} was asked for; there are {names}."
    fix = "Name one of them with --profile, or leave it out."


def suggest(
    ctx: typer.Context,
    config: Annotated[Path | None, typer.Argument(metavar="[RUN.yaml]", help="The order to suggest for.")] = None,
    model: Annotated[str | None, typer.Option(help="Base model: a folder, a hub id, or demo.")] = None,
    dataset: Annotated[str | None, typer.Option(help="A file, a folder, sample:NAME, or hub:ORG/NAME.")] = None,
    method: Annotated[str | None, typer.Option(help="What is trained: lora, qlora, full...")] = None,
    profile: Annotated[
        str | None, typer.Option(help="A use case, whose values for the task hold: chat, code, domain...")
    ] = None,
    has_lengths: Annotated[
        bool, typer.Option("--lengths/--no-lengths", help="Look at the rows with the model's tokenizer.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Suggest settings and say why. Nothing is changed; `--set` of `peft-studio train` takes them."""
    context = of(ctx)
    if profile is not None and profile not in profiles():
        raise ProfileUnknown(name=profile, names=", ".join(profiles()))
    order = _order(context, config, {"base_model": model, "dataset": dataset, "method": method})
    base = config.absolute().parent if config else Path.cwd()
    lengths = _lengths(context, order, base) if has_lengths else None
    chosen = profiles()[profile] if profile else None
    found = context.services.advice.defaults.suggest(order, base, lengths, chosen)
    if as_json:
        print_json([{"changes": one.changes, "now": one.now, "reason": one.reason} for one in found])
    else:
        print_table(("setting", "now", "suggested", "why"), [row for one in found for row in rows(one)])


def rows(suggestion: Suggestion) -> list[tuple[str, str, str, str]]:
    """One for each setting; the reason stands beside the first."""
    told = [(key, as_words(suggestion.now[key]), as_words(value)) for key, value in suggestion.changes.items()]
    return [(*cells, suggestion.reason if i == 0 else "") for i, cells in enumerate(told)]


def _order(context: Context, config: Path | None, named: dict[str, str | None]) -> RunConfig:
    said = {key: value for key, value in named.items() if value is not None}
    configs = context.services.configs
    if config is not None:
        return configs.read(config, [f"{key}={value}" for key, value in said.items()])
    if "dataset" not in said:
        raise SuggestNothingNamed
    return configs.parse({"base_model": DEMO_MODEL, **said})


def _lengths(context: Context, order: RunConfig, base: Path) -> Lengths | None:
    """None where they cannot be had; why is said on standard error."""
    services = context.services
    try:
        job = services.advice.lengths.ask(order, base)
    except StudioError as error:
        typer.echo(f"The rows' lengths are not known: {error.explain().what}", err=True)
        return None
    while not job.wait(WAIT_SECONDS):
        continue
    if job.error is not None:
        typer.echo(f"The rows' lengths are not known: {job.error.what} {job.error.why}", err=True)
    return services.advice.lengths.look(order, base)
