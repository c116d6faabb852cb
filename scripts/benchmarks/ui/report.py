"""The table of the dashboard benchmark, and what is asked of it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks.ui.sessions import Crowd

DOCS = Path(__file__).resolve().parents[3] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- scripts/bench ui: begin -->", "<!-- scripts/bench ui: end -->"
CLICK_SECONDS, SCRIPT_SECONDS, PAINT_SECONDS, MEMORY_BYTES = 0.1, 0.05, 3.0, 300e6
MOST_TIMERS, FEWER_FRAGMENTS_THAN = 2, 5


@dataclass(frozen=True, slots=True)
class Parts:
    """Of one click, seconds: until its script begins, the script, from there to the last change of the page.

    `busy` is what the page's main thread worked, before, meanwhile and afterwards.
    """

    there: float
    script: float
    back: float
    busy: float


@dataclass(slots=True)
class ViewCost:
    """Of one view; seconds. `first`: the first click on it after the start, `walks`: later ones in the menu.

    `firsts`: from clicks of both kinds to the first change of the page that the server made.
    """

    title: str
    first: float | None = None
    walks: list[float] = field(default_factory=list)
    clicks: list[float] = field(default_factory=list)
    scripts: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    timers: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    parts: list[Parts] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was measured."""

    views: dict[str, ViewCost]
    paints: Sequence[float]
    headings: Sequence[float]
    memory_bytes: int
    crowd: Crowd
    crowd_scripts: Sequence[float]
    num_fragments: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """One thing that is asked."""

    what: str
    is_met: bool


def p50(values: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return statistics.median(values) if values else 0.0


def p95(values: Sequence[float]) -> float:
    """19 of 20 are not above it."""
    return sorted(values)[math.ceil(0.95 * len(values)) - 1] if values else 0.0


def verdicts(found: Found) -> list[Verdict]:
    """Each limit, with the value."""
    told = []
    for cost in found.views.values():
        clicks, scripts = [*cost.walks, *cost.clicks], cost.scripts
        if clicks:
            told.append(_at_most(f"{cost.title}: click to page, p95", p95(clicks) * 1000, CLICK_SECONDS * 1000, "ms"))
        if scripts:
            told.append(_at_most(f"{cost.title}: script, p95", p95(scripts) * 1000, SCRIPT_SECONDS * 1000, "ms"))
    most = max(len(cost.timers) for cost in found.views.values())
    crowd = found.crowd
    return [
        *told,
        _at_most("first paint of a cold start, median", p50(found.paints), PAINT_SECONDS, "s", 1),
        _at_most("memory of the dashboard after all views", found.memory_bytes / 1e6, MEMORY_BYTES / 1e6, "MB"),
        Verdict(
            f"{crowd.num_sessions} sessions: {len(crowd.ticks):,} of {crowd.num_due:,} ticks delivered",
            len(crowd.ticks) >= 0.98 * crowd.num_due,  # one that is due at the very end may be missing
        ),
        _at_most(f"{crowd.num_sessions} sessions: tick, p95", p95(crowd.ticks) * 1000, CLICK_SECONDS * 1000, "ms"),
        _at_most(
            f"{crowd.num_sessions} sessions: script, p95", p95(found.crowd_scripts) * 1000, SCRIPT_SECONDS * 1000, "ms"
        ),
        _at_most("timers on one page", most, MOST_TIMERS, "", 0),
        _at_most("places in the source that make fragments", found.num_fragments, FEWER_FRAGMENTS_THAN - 1, "", 0),
    ]


def table(found: Found) -> str:
    """By view."""
    lines = [
        (
            "| view | first visit | clicks | first change p50 | p95 | last p50 | p95 "
            "| script p50 | p95 | its CPU p95 | timers |"
        ),
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|",
    ]
    for cost in found.views.values():
        clicks = [*cost.walks, *cost.clicks]
        both = ((part, values) for values in (cost.firsts, clicks, cost.scripts) for part in (p50, p95))
        parts = (*both, (p95, cost.cpu))
        cells = [
            cost.title,
            _ms(cost.first) if cost.first is not None else "-",
            f"{len(clicks)}",
            *(_ms(part(values)) if values else "-" for part, values in parts),
            ", ".join(f"{every:g} s" for every in cost.timers) or "-",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def parts_table(found: Found) -> str:
    """Where the time of the clicks goes, by view."""
    lines = [
        "| view | to the script p50 | p95 | script p50 | p95 | to the last change p50 | p95 | main thread p50 | p95 |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for cost in found.views.values():
        if cost.parts:
            columns = (
                [one.there for one in cost.parts],
                [one.script for one in cost.parts],
                [one.back for one in cost.parts],
                [one.busy for one in cost.parts],
            )
            cells = [_ms(part(values)) for values in columns for part in (p50, p95)]
            lines.append("| " + " | ".join([cost.title, *cells]) + " |")
    return "\n".join(lines)


def told(found: Found, head: str) -> str:
    """The whole section."""
    crowd = found.crowd
    paint = f"{p50(found.paints):.1f} s (worst {max(found.paints):.1f} s of {len(found.paints)})"
    ticks = f"{len(crowd.ticks):,} of {crowd.num_due:,} ticks, {_both(crowd.ticks)}"
    lines = [
        f"Cold start to first paint: {paint}, to the heading of Home {p50(found.headings):.1f} s.",
        f"Memory of the dashboard's process after all views: {found.memory_bytes / 1e6:.0f} MB.",
        f"{crowd.num_sessions} sessions on Monitor: {ticks}; opening the page {_both(crowd.opening)}.",
    ]
    judged = [f"* {one.what}: {'met' if one.is_met else '**missed**'}." for one in verdicts(found)]
    return "\n\n".join(
        [
            head,
            table(found),
            "\n".join(f"* {line}" for line in lines),
            "### Where the time goes",
            parts_table(found),
            "### Asked and measured",
            "\n".join(judged),
        ]
    )


def into_docs(text: str) -> None:
    """Between the two marks."""
    whole = DOCS.read_text(encoding="utf-8")
    before, rest = whole.split(BEGIN)
    _, after = rest.split(END)
    DOCS.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def _both(values: Sequence[float]) -> str:
    return f"p50 {p50(values) * 1000:.0f} ms, p95 {p95(values) * 1000:.0f} ms"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"


def _at_most(what: str, value: float, limit: float, unit: str, digits: int = 0) -> Verdict:
    end = f" {unit}" if unit else ""
    return Verdict(f"{what}, at most {limit:g}{end}: {value:.{digits}f}{end}", value <= limit)
