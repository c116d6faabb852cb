"""Finding runs among thousands: what a person filters by, in which order they stand, and how they are grouped. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from backend.domain.run_columns import NOTHING, Cell, RunFacts, cell, short_path
from backend.domain.run_view import RunView

ALL, ACTIVE = "all", "active"
STATES = (ALL, ACTIVE, "paused", "finished", "stopped", "failed")
NO_TAG = "no tag"
AllFacts = Mapping[str, RunFacts]


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Every condition has to be met; an empty one is none. Days are inclusive, in the time zone of the dates given.

    `tags` must all be there; of methods, models and datasets one has to fit.
    """

    state: str = ALL
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None

    @property
    def num_hidden(self) -> int:
        """How many conditions beside state and words are set."""
        conditions = (self.tags, self.methods, self.models, self.datasets, self.since, self.until)
        return sum(bool(condition) for condition in conditions)


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that have something in common. A run with several tags is in several groups."""

    name: str
    views: tuple[RunView, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of its runs."""
        return tuple(view.id for view in self.views)

    def count(self, *states: str) -> int:
        """How many of its runs are in one of these states, `active` for those that go on."""
        return sum(view.state.value in states or (ACTIVE in states and view.run.is_active) for view in self.views)


def found(views: Iterable[RunView], facts: AllFacts, wanted: RunFilter) -> list[RunView]:
    """Those that meet every condition, in their order."""
    words = tuple(word.casefold() for word in wanted.words)
    return [view for view in views if _meets(view, wanted) and _has(view, facts.get(view.id, NOTHING), words)]


def ordered(views: Sequence[RunView], facts: AllFacts, column: str, *, descending: bool = False) -> list[RunView]:
    """By a column: numbers before texts, what has nothing there last; equal ones stay in their order."""
    cells = {view.id: cell(view, facts.get(view.id, NOTHING), column) for view in views}
    known = [view for view in views if cells[view.id] is not None]
    unknown = [view for view in views if cells[view.id] is None]
    return sorted(known, key=lambda view: _rank(cells[view.id]), reverse=descending) + unknown


def grouped(views: Sequence[RunView], facts: AllFacts, by: str) -> tuple[RunGroup, ...]:
    """By tag (a sweep has one of its own), or by what stands in any column; in the order of first appearance."""
    groups: dict[str, list[RunView]] = {}
    for view in views:
        names = (view.run.tags or (NO_TAG,)) if by == "tags" else (_name(view, facts, by),)
        for name in names:
            groups.setdefault(name, []).append(view)
    return tuple(RunGroup(name, tuple(members)) for name, members in groups.items())


def numbers(group: RunGroup, facts: AllFacts, column: str) -> list[float]:
    """The numbers that stand in a column of a group."""
    cells = (cell(view, facts.get(view.id, NOTHING), column) for view in group.views)
    return [value for value in cells if isinstance(value, float)]


def _meets(view: RunView, wanted: RunFilter) -> bool:
    run = view.run
    day = run.created_at.astimezone().date() if wanted.since or wanted.until else None
    return (
        _is_in(view, wanted.state)
        and set(wanted.tags) <= set(run.tags)
        and (not wanted.methods or run.method in wanted.methods)
        and (not wanted.models or short_path(run.base_model) in wanted.models)
        and (not wanted.datasets or short_path(run.dataset) in wanted.datasets)
        and (day is None or wanted.since is None or day >= wanted.since)
        and (day is None or wanted.until is None or day <= wanted.until)
    )


def _is_in(view: RunView, state: str) -> bool:
    if state == ACTIVE:
        return view.run.is_active
    return state not in STATES or state in (ALL, view.state.value)


def _has(view: RunView, facts: RunFacts, words: Sequence[str]) -> bool:
    if not words:
        return True
    run = view.run
    texts = (run.name, run.id, run.method, run.base_model, run.dataset, run.message, run.notes, *run.tags)
    everything = "\n".join(texts).casefold() + "\n" + facts.text
    return all(word in everything for word in words)


def _rank(value: Cell) -> tuple[int, float, str]:
    match value:
        case float():
            return 0, value, ""
        case datetime():
            return 0, value.timestamp(), ""
        case _:
            return 1, 0.0, str(value).casefold()


def _name(view: RunView, facts: AllFacts, by: str) -> str:
    value = cell(view, facts.get(view.id, NOTHING), by)
    if isinstance(value, datetime):
        return value.astimezone().date().isoformat()
    return f"{value:g}" if isinstance(value, float) else value or "nothing"
