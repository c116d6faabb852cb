"""peft-studio curves: the curves of a run, or of all runs in a log directory."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Protocol

import typer

from backend.cli.context import Context, of
from backend.cli.curve_reading import find, only, read_run, read_runs, selected, tell_unreadable
from backend.cli.curve_watching import watch
from backend.cli.output import JSON_HELP, print_table, printable
from backend.domain.curve_export import ReadRun, json_document, long_csv
from backend.domain.run_directory import RunDirectory


class _Source(Protocol):
    """Where curves come from; `name` is for messages."""

    name: str

    def read(self) -> Iterator[ReadRun]:
        """All runs by now."""

    def is_over(self) -> bool:
        """Whether nothing more will be written."""

    def remarks(self) -> list[str]:
        """Sentences about what was not looked at."""


class _OwnRun:
    """A run of this workspace."""

    def __init__(self, context: Context, run_id: str) -> None:
        self._services = context.services
        context.look_after_runs()
        self.name = run_id
        self._folder = RunDirectory(self._services.status.show(run_id).run.run_dir).tensorboard

    def read(self) -> Iterator[ReadRun]:
        """The one run."""
        yield read_run(self.name, self._services.curves.curves(self._folder))

    def is_over(self) -> bool:
        """Whether it is at rest; whoever looks at runs sees to it that each has its supervisor."""
        self._services.processes.reconcile()
        return not self._services.status.show(self.name).run.needs_supervisor

    def remarks(self) -> list[str]:
        """None: all of it is read."""
        return []


class _LogDirectory:
    """Any folder; looked through anew each time, since runs may begin."""

    def __init__(self, context: Context, folder: Path) -> None:
        self._read = context.services.curves.curves
        self._folder = folder
        self._found = find(folder)
        self.name = str(folder)

    def read(self) -> Iterator[ReadRun]:
        """All runs found by now."""
        self._found = find(self._folder)
        yield from read_runs(self._found, self._read)

    def is_over(self) -> bool:
        """Nobody knows."""
        return False

    def remarks(self) -> list[str]:
        """What the last look left out."""
        more = [f"{self._found.num_more_remarks} more remarks."] if self._found.num_more_remarks else []
        return [remark.text for remark in self._found.remarks] + more


def curves(
    ctx: typer.Context,
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id.")] = None,
    logdir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Instead of a run: any folder with event files, in it or below.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(help="A curve, such as train/loss, or several: 'train/*'; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print run,tag,step,wall_time,value as CSV.")] = False,
    is_watching: Annotated[
        bool, typer.Option("--watch", help="Print points as they are written, until the run is over or Ctrl-C.")
    ] = False,
) -> None:
    """The tags with their last values, the points of some, all of them for other programs, or as they come."""
    if (run_id is None) == (logdir is None):
        raise typer.BadParameter("Name either a RUN or a --logdir.")
    if as_json + as_csv + is_watching > 1:
        raise typer.BadParameter("Choose one of --json, --csv and --watch.")
    context = of(ctx)
    source: _Source = _OwnRun(context, run_id) if run_id is not None else _LogDirectory(context, logdir or Path())
    tags = tag or []
    if is_watching:
        watch(lambda: only(source.read(), tags), source.is_over, names_runs=run_id is None)
        return
    runs = tell_unreadable(selected(source.read(), tags, source.name))
    if as_json:
        _print(json_document(runs, source.remarks))
    elif as_csv:
        _print(long_csv(curve for run in runs for curve in run.curves()))
    elif tags:
        _points(runs, names_run=run_id is None, names_tag=len(tags) > 1 or _is_pattern(tags[0]))
    else:
        _table(runs, names_run=run_id is None)
    for remark in source.remarks():
        typer.echo(printable(remark), err=True)


def _print(pieces: Iterable[str]) -> None:
    for piece in pieces:
        typer.echo(piece, nl=False)


def _points(runs: Iterable[ReadRun], *, names_run: bool, names_tag: bool) -> None:
    """Lines of step and value, behind the names that are not clear."""
    for run in runs:
        for tag, series in run.series.items():
            names = "".join(f"{printable(name)}\t" for name in [run.name] * names_run + [tag] * names_tag)
            lines = [
                f"{names}{step}\t{value}\n"
                for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True)
            ]
            typer.echo("".join(lines), nl=False)


def _table(runs: Iterable[ReadRun], *, names_run: bool) -> None:
    """One line per curve."""
    rows = [
        [*[printable(run.name)] * names_run, printable(tag), len(series), series.steps[-1], f"{series.values[-1]:.6g}"]
        for run in runs
        for tag, series in sorted(run.series.items())
    ]
    if rows:
        print_table([*["RUN"] * names_run, "TAG", "POINTS", "LAST STEP", "LAST VALUE"], rows)
    else:
        typer.echo("No curves yet.")


def _is_pattern(tag: str) -> bool:
    return any(sign in tag for sign in "*?[")
