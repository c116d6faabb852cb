"""The dashboard benchmark: what it works on is real, and it says what is missed."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend.containers import build_container
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from config.settings import Settings
from scripts.benchmarks.ui import report
from scripts.benchmarks.ui.__main__ import fragments
from scripts.benchmarks.ui.material import make
from scripts.benchmarks.ui.report import (
    BEGIN,
    END,
    Found,
    Parts,
    ViewCost,
    into_docs,
    p50,
    p95,
    parts_table,
    table,
    told,
    verdicts,
)
from scripts.benchmarks.ui.sessions import Crowd

QUICK = ViewCost("Runs", 0.3, [0.04, 0.05], [0.06], [0.01, 0.02], [0.01, 0.01], [2.0], [0.03, 0.02, 0.04])
MANY = Crowd(2, 10, [0.1, 0.1], [0.02] * 10, 1000)
GOOD = Found({"runs": QUICK}, [2.5], [2.9], 250_000_000, MANY, [0.01], 1)


def missed(found: Found) -> list[str]:
    return [one.what for one in verdicts(found) if not one.is_met]


def test_nothing_is_missed_within_the_limits() -> None:
    assert missed(GOOD) == []
    assert "missed" not in told(GOOD, "head")


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (replace(GOOD, views={"runs": replace(QUICK, clicks=[0.101])}), "Runs: click to page"),
        (replace(GOOD, views={"runs": replace(QUICK, scripts=[0.051])}), "Runs: script"),
        (replace(GOOD, views={"runs": replace(QUICK, timers=[1.0, 2.0, 3.0])}), "timers on one page"),
        (replace(GOOD, paints=[3.1]), "first paint"),
        (replace(GOOD, memory_bytes=301_000_000), "memory"),
        (replace(GOOD, crowd=replace(MANY, ticks=[0.02] * 9)), "2 sessions: 9 of 10 ticks"),
        (replace(GOOD, crowd=replace(MANY, ticks=[0.2] * 10)), "2 sessions: tick"),
        (replace(GOOD, crowd_scripts=[0.06]), "2 sessions: script"),
        (replace(GOOD, num_fragments=5), "places in the source"),
    ],
)
def test_each_limit_is_looked_at(found: Found, what: str) -> None:
    assert [one for one in missed(found) if one.startswith(what)] == missed(found)
    assert len(missed(found)) == 1
    assert "**missed**" in told(found, "head")


def test_a_row_tells_the_first_visit_and_both_times_in_milliseconds() -> None:
    assert "| Runs | 300 | 3 | 30 | 40 | 50 | 60 | 15 | 20 | 10 | 2 s |" in table(GOOD)


def test_the_parts_of_clicks_are_told_in_milliseconds() -> None:
    parts = [Parts(0.01, 0.02, 0.03, 0.04), Parts(0.03, 0.02, 0.05, 0.06)]
    found = replace(GOOD, views={"runs": replace(QUICK, parts=parts), "errors": ViewCost("Errors")})
    assert "| Runs | 20 | 30 | 20 | 20 | 40 | 50 | 50 | 60 |" in parts_table(found)
    assert "Errors" not in parts_table(found)


def test_a_view_that_was_not_clicked_is_not_judged() -> None:
    found = replace(GOOD, views={"runs": QUICK, "errors": ViewCost("Errors")})
    assert "| Errors | - | 0 | - | - | - | - | - | - | - | - |" in table(found)
    assert [one.what for one in verdicts(found) if one.what.startswith("Errors")] == []


def test_of_twenty_values_nineteen_are_not_above_the_95th_percentile() -> None:
    values = [float(i) for i in range(1, 21)]
    assert (p50(values), p95(values)) == (10.5, 19.0)
    assert (p50([]), p95([])) == (0.0, 0.0)


def test_the_table_goes_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docs = tmp_path / "benchmarks.md"
    docs.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    text = report.DOCS.read_text()
    assert text.index(BEGIN) < text.index(END)
    monkeypatch.setattr(report, "DOCS", docs)
    into_docs("new")
    assert docs.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"


def test_the_workspace_that_is_measured_is_one_that_the_studio_reads(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path)
    material = make(settings, 8, 2, 20)
    container = build_container(settings)
    services = container.services()
    views = services.status.list()
    assert len(views) == 8
    assert {view.id for view in views if view.state is RunState.RUNNING} == set(material.live)
    ended = next(view for view in views if view.run.is_over)
    curves = services.curves.curves(RunDirectory(ended.run.run_dir).tensorboard)
    assert len(curves.series["train/loss"]) == ended.step == 200
    assert material.dataset.read_text().count("\n") == 20
    container.shutdown_resources()


def test_fragments_are_counted_in_the_source() -> None:
    assert 1 <= fragments() < 5
