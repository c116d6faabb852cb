"""peft-studio curves: the points of a run's curves."""

from typing import Annotated

import typer

from backend.cli.context import of
from backend.cli.output import JSON_HELP, print_json
from backend.domain.run_directory import RunDirectory
from backend.errors import NotFoundError


class TagNotFound(NotFoundError):
    """A tag that the run has not written."""

    id = "tag-not-found"
    what = "The run {run_id} has no curve {tag}."
    why = "Its event files hold: {tags}."
    fix = "Name one of these with --tag, or wait until the run has written it."


def curves(
    ctx: typer.Context,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="The run's id.")],
    tag: Annotated[
        str | None, typer.Option(help="One curve, such as train/loss; without it the tags are listed.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """The points of one curve, or the tags that there are."""
    context = of(ctx)
    context.look_after_runs()
    view = context.services.status.show(run_id)
    found = context.services.curves.curves(RunDirectory(view.run.run_dir).tensorboard)
    if tag is None:
        _tags(sorted(found.series), as_json=as_json)
        return
    series = found.series.get(tag)
    if series is None:
        raise TagNotFound(run_id=run_id, tag=tag, tags=", ".join(sorted(found.series)) or "nothing yet")
    steps, values = series.steps.tolist(), series.values.tolist()
    if as_json:
        print_json(
            {
                "run": run_id,
                "tag": tag,
                "steps": steps,
                "values": values,
                "wall_times": series.wall_times.tolist(),
            }
        )
        return
    for step, value in zip(steps, values, strict=True):
        typer.echo(f"{step}\t{value}")


def _tags(tags: list[str], *, as_json: bool) -> None:
    if as_json:
        print_json(tags)
    else:
        typer.echo("\n".join(tags) or "No curves yet.")
