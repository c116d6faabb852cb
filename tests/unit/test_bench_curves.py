"""The curve benchmark reports medians, and says whether the targets are met."""

from argparse import Namespace
from pathlib import Path

import pytest

from backend.event_files.folder import EventFolder
from scripts.benchmarks import curves
from scripts.benchmarks.curves import BEGIN, END, Cost, into_docs, report, write_runs

ASKED = Namespace(runs=10, points=1_000, rounds=3)


def a_cost(update: float = 0.05, refresh_bytes: int = 1_500, hover: float | None = 0.005) -> Cost:
    return Cost(0.2, update, hover, 0.1, 9_000_000, 300_000, refresh_bytes)


def test_a_row_has_the_medians_of_the_rounds() -> None:
    table = report({"board": [a_cost(0.05), a_cost(0.07), a_cost(0.9)], "line": [a_cost(hover=None)]}, ASKED)
    assert "| **our board** | 200 | 70 | 5.0 | 100 | 9 | 300 | 1.5 |" in table
    assert "| `st.line_chart` | 200 | 50 | - | 100 | 9 | 300 | 1.5 |" in table


@pytest.mark.parametrize(("cost", "code"), [(a_cost(), 0), (a_cost(update=0.11), 1), (a_cost(refresh_bytes=20_001), 1)])
def test_a_missed_target_is_said_by_the_exit_code(cost: Cost, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert curves._verdict({"board": [cost] * 3}) == code
    assert ("MISSED" in capsys.readouterr().out) == bool(code)


def test_the_table_goes_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = tmp_path / "benchmarks.md"
    docs.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    monkeypatch.setattr(curves, "DOCS", docs)
    into_docs("new")
    assert docs.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_the_docs_have_the_marks() -> None:
    text = curves.DOCS.read_text()
    assert text.index(BEGIN) < text.index(END)


def test_the_measured_curves_are_event_files_that_grow(tmp_path: Path) -> None:
    write_runs(tmp_path, 2, range(30))
    write_runs(tmp_path, 2, range(30, 40))
    for name in ("run-00", "run-01"):
        series = EventFolder(tmp_path / name).read().series["train/loss"]
        assert series.steps.tolist() == list(range(40))
