"""Filtering, sorting, grouping and exporting runs: whatever they hold, none is lost, doubled or put out of order."""

import csv
import io
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain.run_columns import NOTHING, OWN, RunFacts, cell, facts_of
from backend.domain.run_finding import STATES, RunFilter, found, grouped, ordered
from backend.domain.run_view import RunView
from backend.domain.runs_csv import runs_csv
from backend.domain.states import RunState, Wish
from tests.fakes.runs import NOON, a_run

TAGS = st.lists(st.sampled_from(["keep", "paper", "sweep-1"]), max_size=2, unique=True).map(tuple)
VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3)
KEYS = ["training.batch_size", "method.rank", "eval/loss"]


@st.composite
def shelves(draw: st.DrawFn) -> tuple[list[RunView], dict[str, RunFacts]]:
    """Runs of all kinds; of some nothing was read yet."""
    views, facts = [], {}
    for number in range(draw(st.integers(0, 8))):
        run = a_run(
            f"run-{number}",
            name=draw(st.text(max_size=5)),
            state=draw(st.sampled_from(RunState)),
            wish=draw(st.sampled_from(Wish)),
            method=draw(st.sampled_from(["lora", "dora"])),
            dataset=draw(st.sampled_from(["/data/a.jsonl", "sample:demo.jsonl"])),
            created_at=NOON + timedelta(days=draw(st.integers(0, 3))),
            notes=draw(st.text(max_size=5)),
            tags=draw(TAGS),
        )
        views.append(RunView(run, draw(st.integers(0, 9)), draw(st.integers(0, 9)), None, False, None, None, None))
        if draw(st.booleans()):
            settings = draw(st.dictionaries(st.sampled_from(KEYS[:2]), VALUES, max_size=2))
            facts[run.id] = facts_of(settings, draw(st.dictionaries(st.just(KEYS[2]), st.floats(), max_size=1)))
    return views, facts


FILTERS = st.builds(
    RunFilter,
    st.sampled_from([*STATES, "nonsense"]),
    st.lists(st.text(max_size=2), max_size=2).map(tuple),
    TAGS,
    st.lists(st.sampled_from(["lora", "dora"]), max_size=2).map(tuple),
    st.just(()),
    st.lists(st.sampled_from(["a.jsonl", "sample:demo.jsonl"]), max_size=2).map(tuple),
    st.none() | st.dates(date(2025, 12, 31), date(2026, 1, 5)),
    st.none() | st.dates(date(2025, 12, 31), date(2026, 1, 5)),
)
COLUMNS = st.sampled_from([*OWN, *KEYS, "nobody knows it"])


@settings(max_examples=40)
@given(shelves(), FILTERS, FILTERS)
def test_filtering_twice_is_filtering_by_both(
    shelf: tuple[list[RunView], dict[str, RunFacts]], one: RunFilter, other: RunFilter
) -> None:
    views, facts = shelf
    first, second = found(views, facts, one), found(views, facts, other)
    assert found(first, facts, other) == [view for view in first if view in second]
    assert found(first, facts, one) == first
    assert found(views, facts, RunFilter()) == views


@settings(max_examples=40)
@given(shelves(), COLUMNS, st.booleans())
def test_sorting_keeps_every_run_and_puts_what_has_no_value_last(
    shelf: tuple[list[RunView], dict[str, RunFacts]], column: str, descending: bool
) -> None:
    views, facts = shelf
    result = ordered(views, facts, column, descending=descending)
    assert sorted(view.id for view in result) == sorted(view.id for view in views)
    cells = [cell(view, facts.get(view.id, NOTHING), column) for view in result]
    known = [value for value in cells if value is not None]
    assert cells[: len(known)] == known
    numbers = [value for value in known if isinstance(value, float)]
    assert numbers == sorted(numbers, reverse=descending)
    assert ordered(result, facts, column, descending=descending) == result


@settings(max_examples=40)
@given(shelves(), COLUMNS)
def test_every_run_is_in_a_group(shelf: tuple[list[RunView], dict[str, RunFacts]], by: str) -> None:
    views, facts = shelf
    groups = grouped(views, facts, by)
    assert {run_id for group in groups for run_id in group.ids} == {view.id for view in views}
    assert len({group.name for group in groups}) == len(groups)
    if by != "tags":
        assert sum(len(group.views) for group in groups) == len(views)


@settings(max_examples=40)
@given(shelves(), st.lists(COLUMNS, max_size=4))
def test_an_export_reads_back_and_holds_no_formula(
    shelf: tuple[list[RunView], dict[str, RunFacts]], columns: list[str]
) -> None:
    views, facts = shelf
    rows = list(csv.reader(io.StringIO(runs_csv(views, facts, columns), newline="")))
    assert rows[0][:2] == ["id", "name"]
    assert [row[0] for row in rows[1:]] == [view.id for view in views]
    assert {len(row) for row in rows} == {len(rows[0])}
    names = [row[1] for row in rows[1:]]
    assert not any(name.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for name in names)
