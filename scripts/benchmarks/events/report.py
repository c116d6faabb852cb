"""Laps as tables, and what was asked beside what was measured."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scripts.benchmarks.events.material import Material
from scripts.benchmarks.events.races import LABELS, SAMPLE_RUNS, Lap

BEGIN, END = "<!-- scripts/bench events: begin -->", "<!-- scripts/bench events: end -->"
OURS = "ours"
_PACKAGES = ("numpy", "tensorboard", "tensorboard-data-server", "grpcio")
_TITLES = {
    "a": "(a) {runs:,} run x {tags} tags x {steps:,} steps",
    "b": "(b) {runs:,} runs x {tags} tags x {steps:,} steps",
    "c": "(c) {runs:,} runs x {tags} tags x {steps:,} steps",
    "e": "(e) irregular: some of {tags} tags in any order at each of {steps:,} steps, three kinds of numbers",
    "f": "(f) the same, at three of ten steps all values in one record",
}
_LOAD_HEAD = (
    "| reader | CPU, ms (lowest to highest) | ours x | wall, ms | memory grew by, MB | same points |",
    "|---|--:|--:|--:|--:|---|",
)
_TASKS = {
    ("first", "a"): "first curve of (a)",
    ("first", "b"): "first curve of (b)",
    ("first", "c"): "first curve of (c)",
    ("refresh", "d"): "(d) refresh: 100 points after a million",
    ("list", "c"): "list of (c) with all last values",
    ("cold", "c"): "list and curves of (c), no cache yet",
    ("warm", "c"): "list and curves of (c), from the cache",
}


@dataclass(frozen=True, slots=True)
class Target:
    """What the issue asks: a limit of a ratio to another reader, or of our seconds."""

    text: str
    task: str
    letter: str
    limit: float
    other: str = ""
    is_at_least: bool = False
    is_wall: bool = False


TARGETS = (
    Target("CPU of EventAccumulator / ours on (a), at least", "load", "a", 150, "tensorboard", is_at_least=True),
    Target("CPU of EventAccumulator / ours on (b), at least", "load", "b", 150, "tensorboard", is_at_least=True),
    Target("CPU of the Rust server / ours on (a), at least", "load", "a", 5, "rust", is_at_least=True),
    Target("CPU of the Rust server / ours on (b), at least", "load", "b", 5, "rust", is_at_least=True),
    Target("CPU of ours / the C decoder on (a), at most", "load", "a", 1.6, "c"),
    Target("CPU of ours / the C decoder on (b), at most", "load", "b", 2, "c"),
    Target("CPU of ours / the C decoder on (e), at most", "load", "e", 20, "c"),
    Target("CPU of ours / the C decoder on (f), at most", "load", "f", 20, "c"),
    Target("first curve of (a), seconds of wall time, at most", "first", "a", 0.1, is_wall=True),
    Target("first curve of (b), seconds of wall time, at most", "first", "b", 0.1, is_wall=True),
    Target("first curve of (c), seconds of wall time, at most", "first", "c", 0.1, is_wall=True),
    Target("refresh (d), seconds of CPU, at most", "refresh", "d", 0.001),
    Target("list of (c) with all last values, seconds of wall time, at most", "list", "c", 0.5, is_wall=True),
    Target("warm start of (c), seconds of wall time, at most", "warm", "c", 1.0, is_wall=True),
)


def page(laps: Sequence[Lap], failed: dict[str, str], material: Material) -> str:
    """Machine, tables and verdicts, as Markdown."""
    paragraphs = [machine(laps)]
    for letter, case in material.cases.items():
        title = _TITLES[letter].format(runs=case.runs, tags=case.tags, steps=case.steps)
        megabytes = material.num_bytes(letter) / 1e6
        paragraphs += [f"### {title}, {megabytes:,.0f} MB", load_table(laps, letter, failed)]
    paragraphs += ["### First curve, refresh, list", task_table(laps, failed)]
    paragraphs += ["### Asked and measured", "\n".join(filter(None, (verdict(laps, one) for one in TARGETS)))]
    return "\n\n".join(paragraphs)


def machine(laps: Sequence[Lap]) -> str:
    """Where it was measured, with what, and how busy the machine was."""
    loads = [lap.load_average for lap in laps]
    rounds = max((lap.round for lap in laps), default=0) + 1
    busy = f"load average {min(loads):.1f} to {max(loads):.1f}" if loads else "no lap"
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    where = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {where}, {packages}; {rounds} rounds, {busy}. Medians."


def load_table(laps: Sequence[Lap], letter: str, failed: dict[str, str]) -> str:
    """What it costs to read everything."""
    lines = list(_LOAD_HEAD)
    ours = _laps(laps, OURS, "load", letter)
    for name, label in LABELS.items():
        group = _laps(laps, name, "load", letter)
        why = failed.get(f"{name} load {letter}", failed.get(name))
        if group:
            lines.append(_load_line(label, group, ours))
        elif why:
            lines.append(f"| {label} | not measured: {why.replace('|', '/')} | | | | |")
    return "\n".join(lines)


def _load_line(label: str, group: Sequence[Lap], ours: Sequence[Lap]) -> str:
    cpu = [lap.cpu_seconds for lap in group]
    is_sample = group[0].factor != 1
    same = "a sample" if is_sample else "?"
    if ours and not is_sample:
        same = "yes" if {lap.digest for lap in group} == {lap.digest for lap in ours} else "no"
    label += f" (extrapolated from {SAMPLE_RUNS} runs)" if is_sample else ""
    cells = [
        label,
        f"{_middle(cpu) * 1e3:,.0f} ({min(cpu) * 1e3:,.0f} to {max(cpu) * 1e3:,.0f})",
        f"{ratio(group, ours):,.2f}" if ours else "?",
        f"{_middle([lap.wall_seconds for lap in group]) * 1e3:,.0f}",
        "?" if is_sample else f"{_middle([lap.grown_bytes for lap in group]) / 1e6:,.0f}",
        same,
    ]
    return "| " + " | ".join(cells) + " |"


def task_table(laps: Sequence[Lap], failed: dict[str, str]) -> str:
    """What the smaller questions cost."""
    lines = ["| task | reader | CPU, ms (lowest to highest) | wall, ms |", "|---|---|--:|--:|"]
    for (task, letter), title in _TASKS.items():
        for name, label in LABELS.items():
            group = _laps(laps, name, task, letter)
            cpu, wall = [lap.cpu_seconds for lap in group], [lap.wall_seconds for lap in group]
            why = failed.get(f"{name} {task} {letter}")
            if group:
                spread = f"{_middle(cpu) * 1e3:,.2f} ({min(cpu) * 1e3:,.2f} to {max(cpu) * 1e3:,.2f})"
                lines.append(f"| {title} | {label} | {spread} | {_middle(wall) * 1e3:,.2f} |")
            elif why:
                lines.append(f"| {title} | {label} | not measured: {why.replace('|', '/')} | |")
    return "\n".join(lines)


def verdict(laps: Sequence[Lap], target: Target) -> str:
    """One line: the question, the limit, what was measured, whether it is met; "" if it was not measured."""
    ours = _laps(laps, OURS, target.task, target.letter)
    others = _laps(laps, target.other, target.task, target.letter)
    if not ours or (target.other and not others):
        return f"* {target.text} {target.limit:g}: not measured."
    if target.other:
        found = ratio(others, ours) if target.is_at_least else ratio(ours, others)
    else:
        found = _middle([lap.wall_seconds if target.is_wall else lap.cpu_seconds for lap in ours])
    is_met = found >= target.limit if target.is_at_least else found <= target.limit
    cpu = f" ({_middle([lap.cpu_seconds for lap in ours]):.3g} of CPU)" if target.is_wall else ""
    return f"* {target.text} {target.limit:g}: {found:.3g}{cpu}, {'met' if is_met else '**not met**'}."


def ratio(laps: Sequence[Lap], others: Sequence[Lap]) -> float:
    """How much more CPU the first took: the median over rounds in which both ran, or of the medians."""
    cpu = {lap.round: lap.cpu_seconds for lap in laps}
    other = {lap.round: lap.cpu_seconds for lap in others}
    both = cpu.keys() & other.keys()
    if len(both) == max(len(cpu), len(other)):
        return _middle([cpu[number] / other[number] for number in both])
    return _middle(list(cpu.values())) / _middle(list(other.values()))


def put_between_marks(path: Path, text: str) -> None:
    """Replace what stands between the marks of a page. Raises ValueError if it has none."""
    old = path.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ValueError(f"{path} has no lines {BEGIN} and {END}")
    before, _, rest = old.partition(BEGIN)
    path.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _laps(laps: Sequence[Lap], name: str, task: str, letter: str) -> list[Lap]:
    return [lap for lap in laps if (lap.contestant, lap.task, lap.letter) == (name, task, letter)]


def _middle(numbers: Sequence[float]) -> float:
    return statistics.median(numbers)
