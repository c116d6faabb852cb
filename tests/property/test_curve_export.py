"""Curves go out as CSV and JSON, and come back the same."""

import csv
import io
import json
import math
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curve_export import Curve, ReadRun, json_document, long_csv, spelt
from backend.domain.curves import Damage, Series

FORMULA = "=+-@\t\r\n"

words = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.text(st.sampled_from("=+-@\t\r\n'\",;abc/ "), max_size=8),
    st.sampled_from(('=HYPERLINK("http://x","y")', "-1+1", "@SUM(A1)", "'=1", "\t=1", "train/loss")),
)
some_steps = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=8, unique=True).map(sorted)


@st.composite
def some_series(draw: st.DrawFn) -> Series:
    steps = draw(some_steps)
    numbers = st.lists(st.floats(), min_size=len(steps), max_size=len(steps))
    return Series(draw(words), np.array(steps, np.int64), np.array(draw(numbers)), np.array(draw(numbers)))


curve_lists = st.lists(st.builds(Curve, words, some_series()), max_size=4)


def _rows(pieces: Sequence[str]) -> list[list[str]]:
    return list(csv.reader(io.StringIO("".join(pieces), newline=""), strict=True))


def _unquoted(cell: str) -> str:
    return cell.removeprefix("'")


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@given(curve_lists)
def test_a_long_table_read_back_holds_the_same_points(curves: list[Curve]) -> None:
    head, *rows = _rows(list(long_csv(curves)))
    assert head == ["run", "tag", "step", "wall_time", "value"]
    written = [
        (curve.run, curve.series.tag, *row)
        for curve in curves
        for row in zip(
            curve.series.steps.tolist(), curve.series.wall_times.tolist(), curve.series.values.tolist(), strict=True
        )
    ]
    assert len(rows) == len(written)
    for row, (run, tag, step, wall_time, value) in zip(rows, written, strict=True):
        assert (_unquoted(row[0]), _unquoted(row[1]), int(row[2])) == (run, tag, step)
        assert _same(float(row[3]), wall_time)
        assert _same(float(row[4]), value)


@given(curve_lists)
def test_no_cell_is_a_formula(curves: list[Curve]) -> None:
    for cell in (cell for row in _rows(list(long_csv(curves))) for cell in row):
        assert not cell.startswith(tuple(FORMULA)) or _is_number(cell)


def _is_number(cell: str) -> bool:
    try:
        return spelt(float(cell)) == cell or str(int(cell)) == cell
    except ValueError:
        return False


@given(st.dictionaries(words, st.lists(some_series(), max_size=3), max_size=3), words)
def test_json_read_back_holds_the_same_points(runs: dict[str, list[Series]], word: str) -> None:
    curves = {run: {one.tag: one for one in series} for run, series in runs.items()}
    read = [ReadRun(run, series, (Damage(word, 3, 9),), len(series)) for run, series in curves.items()]
    told = json.loads("".join(json_document(read, lambda: [word])), parse_constant=_refuse)
    assert told["unreadable"] == [{"run": run, "file": word, "first_byte": 3, "last_byte": 9} for run in curves]
    assert told["ignored_points"] == {run: len(series) for run, series in curves.items() if series}
    assert told["remarks"] == [word]
    assert {run: set(series) for run, series in told["runs"].items()} == {r: set(s) for r, s in curves.items()}
    for run, series in curves.items():
        for tag, one in series.items():
            found = told["runs"][run][tag]
            assert found["steps"] == one.steps.tolist()
            assert all(map(_same, map(float, found["values"]), one.values.tolist()))
            assert all(map(_same, map(float, found["wall_times"]), one.wall_times.tolist()))


def _refuse(constant: str) -> float:
    raise AssertionError(f"{constant} is no JSON")


def test_numbers_that_are_no_numbers_are_spelt_out() -> None:
    assert [spelt(value) for value in (math.nan, math.inf, -math.inf, 0.1, 1e300, -0.0)] == [
        "NaN", "Infinity", "-Infinity", "0.1", "1e+300", "-0.0",
    ]  # fmt: skip


def test_a_name_that_looks_like_a_formula_is_text() -> None:
    series = Series("loss", np.array([1]), np.array([0.5]), np.array([2.0]))
    assert "".join(long_csv([Curve("=a", series)])) == "run,tag,step,wall_time,value\n'=a,loss,1,2.0,0.5\n"
