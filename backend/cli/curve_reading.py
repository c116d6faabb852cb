"""Which runs and curves a command means, read one run after the other."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import chain, islice
from pathlib import Path, PurePosixPath

import typer

from backend.cli.output import printable
from backend.domain.curve_export import ReadRun
from backend.domain.curves import Curves, Series
from backend.domain.found_runs import FoundRun, FoundRuns
from backend.errors import NotFoundError
from backend.event_files.directories import find_runs

_MAX_NAMED_TAGS = 50


class TagNotFound(NotFoundError):
    """A tag that no run has written."""

    id = "tag-not-found"
    what = "There is no curve {tag} in {where}."
    why = "The event files hold: {tags}."
    fix = "Name one of these with --tag, or wait until it has been written."


class LogDirectoryMissing(NotFoundError):
    """A folder that is not there."""

    id = "log-directory-missing"
    what = "There is no folder {path}."
    why = "It does not exist, or is a file."
    fix = "Give the folder that holds the event files, or one above it."


ReadFolder = Callable[[Path], Curves]


def read_run(name: str, curves: Curves) -> ReadRun:
    """An own run with all its curves."""
    return ReadRun(name, curves.series, curves.damage, curves.num_ignored_points)


def find(directory: Path) -> FoundRuns:
    """The runs in a log directory. Raises LogDirectoryMissing."""
    if not directory.is_dir():
        raise LogDirectoryMissing(path=directory)
    return find_runs(directory)


def read_runs(found: FoundRuns, read: ReadFolder) -> Iterator[ReadRun]:
    """Each run of a log directory; what lies in a nested folder belongs to that run alone."""
    nested: dict[str, list[FoundRun]] = {}
    for run in found.runs:
        if run.name != ".":
            nested.setdefault(str(PurePosixPath(run.name).parent), []).append(run)
    for run in found.runs:
        curves = read(run.folder)
        series = dict(curves.series)
        for inner in nested.get(run.name, ()):
            _remove(series, PurePosixPath(inner.name).name, read(inner.folder).series)
        damage = [one for one in curves.damage if "/" not in one.file]
        yield ReadRun(run.name, series, damage, curves.num_ignored_points)


def _remove(series: dict[str, Series], group: str, inner: Iterable[str]) -> None:
    """The curves of a nested folder, which EventFolder calls "b/a", or "b//a" if the outer one has a tag "b/a"."""
    for tag in inner:
        series.pop(f"{group}//{tag}" if f"{group}//{tag}" in series else f"{group}/{tag}", None)


def selected(runs: Iterable[ReadRun], wanted: Sequence[str], where: str) -> Iterator[ReadRun]:
    """As `only`, but each name was found before anything is given: raises TagNotFound at once."""
    found = _selected(runs, wanted, where)
    first = list(islice(found, 1))
    return chain(first, found)


def _selected(runs: Iterable[ReadRun], wanted: Sequence[str], where: str) -> Iterator[ReadRun]:
    missing, known = [*wanted], set[str]()
    waiting: list[ReadRun] = []
    for run in runs:
        known.update(run.series)
        missing = [name for name in missing if not any(_fits(tag, name) for tag in run.series)]
        waiting += only([run], wanted)
        if not missing:
            yield from waiting
            waiting = []
    if missing:
        tags = ", ".join(sorted(known)[:_MAX_NAMED_TAGS]) or "nothing yet"
        raise TagNotFound(tag=", ".join(missing), where=where, tags=tags)
    yield from waiting


def only(runs: Iterable[ReadRun], wanted: Sequence[str]) -> Iterator[ReadRun]:
    """The runs with those of their curves that are wanted: named, or fitting a name with * ? or [ ].

    All curves if none are named.
    """
    for run in runs:
        series = {tag: one for tag, one in run.series.items() if any(_fits(tag, name) for name in wanted)}
        yield run._replace(series=series) if wanted else run


def _fits(tag: str, name: str) -> bool:
    return tag == name or fnmatchcase(tag, name)


def tell_unreadable(runs: Iterable[ReadRun]) -> Iterator[ReadRun]:
    """The same runs; what could not be read of each is told on standard error."""
    for run in runs:
        yield run
        for one in run.damage:
            what = f"{run.name}: {one.file}: bytes {one.first_byte} to {one.last_byte} are unreadable."
            typer.echo(printable(what), err=True)
        if run.num_ignored_points:
            what = f"{run.name}: {run.num_ignored_points} points have tags that are too long or too many."
            typer.echo(printable(what), err=True)
