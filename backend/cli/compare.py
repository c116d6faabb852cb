"""peft-studio compare: what runs were told differently, and what came out."""

from datetime import datetime
from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json, print_table
from backend.domain.comparison import Comparison, Facts, facts
from backend.domain.comparison_text import metric_rows, step_words, to_json, verdict_lines
from backend.domain.hparams import words
from backend.domain.metric_goals import Goal
from backend.errors import UsageError


class TooFewToCompare(UsageError):
    """A comparison of one run with nothing."""

    id = "too-few-to-compare"
    what = "There is nothing to compare {run_id} with."
    why = "A comparison needs at least two different runs."
    fix = "Name another one too: peft-studio runs list"


def compare(
    ctx: typer.Context,
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Ids of two or more runs.")],
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Settings that differ, last and best values with their steps, and whether a difference is more than noise."""
    context = of(ctx)
    context.look_after_runs()
    services = context.services
    for run_id in run_ids:
        services.status.show(run_id)
    if len(set(run_ids)) < 2:  # noqa: PLR2004 - a pair
        raise TooFewToCompare(run_id=run_ids[0])
    found, now = services.comparing.look(run_ids), services.comparing.now()
    if as_json:
        print_json(to_json(found, now))
        return
    _results(found, now)
    _settings(found)
    _verdicts(found)


def _results(found: Comparison, now: datetime) -> None:
    told = [facts(one, now) for one in found.runs]
    rows: list[tuple[str, tuple[object, ...]]] = [
        ("id", tuple(one.run.id for one in found.runs)),
        ("state", tuple(one.run.state.value for one in found.runs)),
        ("attempts", tuple(one.num_attempts for one in told)),
        ("duration", tuple(_seconds(one) for one in told)),
        ("tokens per second", tuple(_speed(one) for one in told)),
        ("memory peak", tuple(_memory(one) for one in told)),
    ]
    rows += [row for tag in found.tags for row in metric_rows(found.metric(tag))]
    print_table(("", *found.labels), [(label, *cells) for label, cells in rows])


def _settings(found: Comparison) -> None:
    diff, labels = found.diff, [found.labels[place] for place in found.readable]
    typer.echo()
    shown = [row for row in diff.differences if not row.is_choice_alone]
    if shown:
        print_table(("SETTING", *labels), [(row.key, *map(words, row.values)) for row in shown])
    num_more = len(diff.differences) - len(shown)
    more = f"; knobs that only some methods have, at their defaults: {num_more}" if num_more else ""
    typer.echo(f"{diff.num_equal} settings are equal{more}.")
    for label, one in zip(found.labels, found.runs, strict=True):
        for change in one.changed:
            typer.echo(f"{label}, changed after its start: {change}")
        if one.problem:
            typer.echo(f"{label} is not compared by its settings: {one.problem}")


def _verdicts(found: Comparison) -> None:
    for tag in found.tags:
        if found.goal(tag) is Goal.UNKNOWN:
            continue
        metric = found.metric(tag)
        typer.echo(f"\n{step_words(metric)}")
        if metric.shared.step is not None:
            typer.echo("\n".join(f"  {line}" for line in verdict_lines(metric, found.labels)))


def _seconds(one: Facts) -> str:
    return "-" if one.duration_seconds is None else f"{one.duration_seconds:,.0f} s"


def _speed(one: Facts) -> str:
    return "-" if one.tokens_per_second is None else f"{one.tokens_per_second:,.0f}"


def _memory(one: Facts) -> str:
    return "-" if one.memory is None else f"{one.memory[1] / 1e9:,.2f} GB ({one.memory[0]})"
