"""The feed of one board: what its viewer has not seen yet of the curves, as little as possible."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from backend.domain.board import Board, Chart, Line, XAxis
from backend.domain.board_lines import AXIS_TAGS, Points, beginning, line_points, x_of
from backend.domain.curves import Curves, Numbers, Series, freeze
from backend.domain.viewport import POINTS_PER_PIXEL, inside, thin
from backend.errors import StudioError

DEFAULT_PIXELS = 600
MOST_GHOSTS = 20  # stretches per line, the newest


@dataclass(frozen=True, slots=True)
class View:
    """What of a board is on the screen: ids of the charts, their width in pixels, the part of the x axis."""

    visible: frozenset[str] = frozenset()
    num_pixels: int = DEFAULT_PIXELS
    window: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class LinePart:
    """News of a line. Points of the viewer with x >= `replaces_from` are replaced by `points`; None: all of them.

    `chart` and `line` are places in the board. `num_total` points are in the window, `points` are those drawn.
    """

    chart: int
    line: int
    points: Points
    num_total: int
    replaces_from: float | None = None
    ghosts: tuple[tuple[Numbers, Numbers], ...] = ()


@dataclass(frozen=True, slots=True)
class ChartNotes:
    """What else a chart shows: where its marks lie on the axis (None: not known), and what could not be read."""

    chart: int
    marks: tuple[float | None, ...]
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Seen:
    """What the viewer has of a line: what it was made of, and how many points travelled since a full part."""

    series: tuple[Series | None, ...]
    num_points: int
    base: tuple[float, ...]


@dataclass(slots=True)
class CurveFeed:
    """Answers what is new since the last answer; for one viewer, used by one thread at a time.

    `curves` reads a source and raises a StudioError for one that does not exist.
    """

    curves: Callable[[str], Curves]
    board: Board = field(default_factory=lambda: Board(()))
    view: View = field(default_factory=View)
    _seen: dict[tuple[int, int], _Seen] = field(default_factory=dict)
    _notes: dict[int, ChartNotes] = field(default_factory=dict)

    def show(self, board: Board) -> None:
        """Another board, or the same with another look: everything is to be told again."""
        self.board = board
        self.start_again()

    def look_at(self, view: View) -> None:
        """Other charts on the screen, or another part of the axis. Charts scrolled away cost nothing."""
        if (view.window, view.num_pixels) != (self.view.window, self.view.num_pixels):
            self._seen.clear()
        self.view = view

    def start_again(self) -> None:
        """Tell everything again, as if nothing had been told."""
        self._seen.clear()
        self._notes.clear()

    def sources(self) -> frozenset[str]:
        """The sources behind the charts on the screen."""
        return frozenset().union(*(_sources_of(chart) for _, chart in self._visible()))

    def news(self) -> Iterator[tuple[list[LinePart], ChartNotes | None]]:
        """What changed on the screen since the last call, chart by chart; charts without news are left out."""
        known: dict[str, Curves] = {}
        problems: dict[str, str] = {}
        for place, chart in self._visible():
            self._read(chart, known, problems)
            parts = list(self._news_of_chart(place, chart, known))
            notes = self._notes_of(place, chart, known, problems)
            is_same = notes == self._notes.get(place)
            self._notes[place] = notes
            if parts or not is_same:
                yield parts, None if is_same else notes

    def _visible(self) -> Iterator[tuple[int, Chart]]:
        return ((i, chart) for i, chart in enumerate(self.board.charts) if chart.id in self.view.visible)

    def _read(self, chart: Chart, known: dict[str, Curves], problems: dict[str, str]) -> None:
        """Each source once in a round of news, so that all charts show the same moment."""
        for source in _sources_of(chart) - known.keys() - problems.keys():
            try:
                known[source] = self.curves(source)
            except StudioError as error:
                problems[source] = error.explain().what

    def _news_of_chart(self, place: int, chart: Chart, known: Mapping[str, Curves]) -> Iterator[LinePart]:
        for number, line in enumerate(chart.lines):
            series, base = _made_of(line, self.board, known), _base(line, known)
            seen = self._seen.get((place, number))
            if seen and base == seen.base and all(a is b for a, b in zip(series, seen.series, strict=True)):
                continue
            part = self._part(place, number, line, series, known)
            sent = 0 if part.replaces_from is None or seen is None else seen.num_points
            self._seen[place, number] = _Seen(series, sent + len(part.points), base)
            if len(part.points) or part.replaces_from is None:
                yield part

    def _part(
        self, place: int, number: int, line: Line, series: tuple[Series | None, ...], known: Mapping[str, Curves]
    ) -> LinePart:
        """Only the end of the line where it only grew, and not by more than the screen can show."""
        seen = self._seen.get((place, number))
        points = line_points(line, self.board.look, known)
        shown = points.at(inside(points, self.view.window))
        if seen and seen.base == _base(line, known) and self._may_be_continued(line, seen.series, series):
            start = _first_new(shown, seen.series, series)
            room = 2 * POINTS_PER_PIXEL * self.view.num_pixels - seen.num_points
            if start is not None and start > 0 and len(shown) - start <= max(0, room):
                replaces_from = math.nextafter(shown.x[start - 1], math.inf)
                return LinePart(place, number, shown.at(slice(start, None)), len(shown), replaces_from)
        drawn = thin(shown, self.view.num_pixels, is_log_x=self.board.look.is_log_x)
        return LinePart(place, number, drawn, len(shown), None, _ghosts(line, self.board, known, self.view.num_pixels))

    def _may_be_continued(self, line: Line, before: tuple[Series | None, ...], now: tuple[Series | None, ...]) -> bool:
        """Whether the viewer's points can be told apart by their x into those that stay and those that do not.

        Over steps always, unless points are gone; on other axes, where points may share an x or change their order,
        only if one curve went on.
        """
        pairs = [(old, new) for old, new in zip(before, now, strict=True) if old is not None and len(old)]
        if self.board.look.x is XAxis.STEP:
            return all(new is not None and len(new) >= len(old) for old, new in pairs)
        return len(line.sources) == 1 and all(same_until(old, new) >= old.steps[-1] for old, new in pairs)

    def _notes_of(
        self, place: int, chart: Chart, known: Mapping[str, Curves], problems: Mapping[str, str]
    ) -> ChartNotes:
        axis = self.board.look.x
        marks = tuple(_x_of_step(mark.step, known.get(mark.source), axis) for mark in chart.marks)
        told = tuple(f"{source}: {problems[source]}" for source in sorted(_sources_of(chart) & problems.keys()))
        return ChartNotes(place, marks, told)


def _sources_of(chart: Chart) -> frozenset[str]:
    return frozenset(source for line in chart.lines for source in (*line.sources, line.minus) if source)


def _made_of(line: Line, board: Board, known: Mapping[str, Curves]) -> tuple[Series | None, ...]:
    """Every series that a line depends on."""
    found: list[Series | None] = []
    for source in (*line.sources, *((line.minus,) if line.minus else ())):
        own = known.get(source)
        found.append(own.series.get(line.tag) if own else None)
        if own and (tag := AXIS_TAGS.get(board.look.x)):
            found.append(own.series.get(tag))
        else:
            found.append(None)
    return tuple(found)


def _base(line: Line, known: Mapping[str, Curves]) -> tuple[float, ...]:
    """What else changes points that are there: a restart, and an earlier beginning of the run."""
    own = [known[source] for source in line.sources if source in known]
    return tuple(x for curves in own for x in (len(curves.ghosts.get(line.tag, ())), beginning(curves)))


def _first_new(shown: Points, before: tuple[Series | None, ...], now: tuple[Series | None, ...]) -> int | None:
    """From which of the points on a line can differ from what was sent; None if all can, as of an unsorted axis."""
    frontier = min(same_until(old, new) for old, new in zip(before, now, strict=True))
    if frontier == -math.inf or (np.diff(shown.steps) < 0).any():
        return None
    start = int(np.searchsorted(shown.steps, frontier, side="right"))
    while 0 < start < len(shown) and shown.x[start - 1] == shown.x[start]:
        start -= 1
    return start


def same_until(before: Series | None, now: Series | None) -> float:
    """The last step up to which two states of a series are the same; -inf for none, inf if nothing changed."""
    if before is now:
        return math.inf
    if before is None or now is None:
        return -math.inf
    common = min(len(before), len(now))
    same = before.steps[:common] == now.steps[:common]
    same &= before.wall_times[:common] == now.wall_times[:common]
    old, new = before.values[:common], now.values[:common]
    same &= (old == new) | (np.isnan(old) & np.isnan(new))
    first = common if same.all() else int(same.argmin())
    return float(now.steps[first - 1]) if first else -math.inf


def _ghosts(
    line: Line, board: Board, known: Mapping[str, Curves], num_pixels: int
) -> tuple[tuple[Numbers, Numbers], ...]:
    """Points that a restart made void, each stretch as x and y; of lines of one source, as they were written."""
    if not board.look.shows_ghosts or len(line.sources) != 1 or line.minus or line.sources[0] not in known:
        return ()
    own = known[line.sources[0]]
    stretches = own.ghosts.get(line.tag, ())[-MOST_GHOSTS:]
    placed = ((x_of(own, ghost, board.look.x), ghost.values) for ghost in stretches)
    thinned = (thin(Points(x, x, values), num_pixels) for x, values in placed if np.isfinite(x).all())
    return tuple((points.x, points.y) for points in thinned)


def _x_of_step(step: int, own: Curves | None, axis: XAxis) -> float | None:
    """Where a step of a source lies on the axis: at the first point written at or after it."""
    if own is None:
        return None
    if axis is XAxis.STEP:
        return float(step)
    for tag in ("train/loss", *own.series):
        series = own.series.get(tag)
        if series is None or not len(series) or series.steps[-1] < step:
            continue
        place = int(np.searchsorted(series.steps, step))
        arrays = series.steps[place : place + 1], series.values[place : place + 1], series.wall_times[place : place + 1]
        freeze(arrays)
        x = float(x_of(own, Series(tag, *arrays), axis)[0])
        return x if np.isfinite(x) else None
    return None
