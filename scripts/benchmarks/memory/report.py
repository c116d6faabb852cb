"""The tables of the memory bench, as Markdown."""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from backend.domain.heap import HEAP, MAPPED, OLD_HEAP
from backend.domain.memory_line import place_of
from scripts.benchmarks.memory.judging import DEVICE, Judged, calibrated, family_left_out, halves, kind_of, raw
from scripts.benchmarks.memory.keeping import PACKAGES, ROOT, Found, installed
from scripts.benchmarks.memory.peers import accelerate_bytes, ask_accelerate, llama_factory_bytes

PAGE = ROOT / "docs" / "benchmarks.md"
ASKED_MEDIAN, ASKED_P95, ASKED_LOWEST = 0.03, 0.08, -0.03
TITLES = {
    f"cpu {MAPPED}": "Large tensors mapped (`speed.allocator: mapped`)",
    f"cpu {HEAP}": "In the heap (`speed.allocator: heap`)",
    f"cpu {OLD_HEAP}": "In a heap that falls into pieces, with caches that a person keeps",
}
HEAD = ("| forecast | median error | 95th percentile | most too low | most too high | within its range |",)
RULE = "|---|--:|--:|--:|--:|--:|"


def page(found: Sequence[Found], folder: Path) -> str:
    """Machine, summary, verdict and the line of each combination."""
    whole = [one for one in found if one.records and one.trace is not None]
    failed = [one for one in found if one.measure_failed or one.forecast_failed]
    if not whole:
        return "Nothing was measured and forecast yet."
    paragraphs = [_machine(whole, found)]
    for place, title in TITLES.items():
        runs = [one for one in whole if place_of(DEVICE, kind_of(one)) == place]
        if runs:
            ours = calibrated(runs)
            ways = [ours, halves(runs), family_left_out(runs), raw(runs), *_peers(runs, folder)]
            paragraphs += [f"### {title}", f"{len(runs)} runs.", summary(ways), verdict(ours), _lines(runs, ours)]
    if failed:
        paragraphs.append("\n".join(f"* failed: {_failure(one)}" for one in failed))
    return "\n\n".join(paragraphs)


def into_docs(text: str, name: str = "memory") -> None:
    """Put it between its marks in docs/benchmarks.md."""
    begin, end = (f"<!-- scripts/bench {name}: {side} -->" for side in ("begin", "end"))
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(begin)
    PAGE.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def summary(ways: Sequence[Judged]) -> str:
    """One line for each way to forecast."""
    return "\n".join([*HEAD, RULE, *(_summary_line(way) for way in ways)])


def _summary_line(way: Judged) -> str:
    covered = "" if way.covered is None else f"{way.covered:.0%}"
    cells = [way.title, f"{way.median:.1%}", f"{way.p95:.1%}", f"{way.lowest:.1%}", f"{way.highest:+.1%}", covered]
    return f"| {' | '.join(cells)} |"


def verdict(ours: Judged) -> str:
    """What was asked for, and whether it is so."""
    told = [
        ("median error under 3 %", f"{ours.median:.1%}", ours.median < ASKED_MEDIAN),
        ("95th percentile under 8 %", f"{ours.p95:.1%}", ours.p95 < ASKED_P95),
        ("never more than 3 % too low", f"{ours.lowest:.1%}", ours.lowest >= ASKED_LOWEST),
    ]
    return "\n".join(f"* {what}: {found}, {'met' if is_met else 'missed'}" for what, found, is_met in told)


def _machine(whole: Sequence[Found], found: Sequence[Found]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in installed(PACKAGES).items())
    packages += f", {whole[0].c_library}"
    measured = [one.measured_bytes / 1e6 for one in whole]
    seconds = sorted(one.forecast_seconds for one in whole)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {whole[0].records[0].threads} thread; no GPU on this "
        f"machine, so nothing was measured on one. {packages}. {len(whole)} of {len(found)} combinations, peaks from "
        f"{min(measured):,.0f} to {max(measured):,.0f} MB; a forecast took {seconds[len(seconds) // 2]:.0f} s (median)."
    )


def _lines(whole: Sequence[Found], ours: Judged) -> str:
    rows = [
        "| run (model, method, recipe, rows x tokens) | measured, MB | trace, MB | calibrated | error | peak in |",
        "|---|--:|--:|--:|--:|---|",
    ]
    for one, error in zip(whole, ours.errors, strict=True):
        assert one.trace is not None
        cells = [
            one.combination.title,
            f"{one.measured_bytes / 1e6:,.0f}",
            f"{one.trace.peak_bytes / 1e6:,.0f}",
            f"{one.measured_bytes * (1 + error) / 1e6:,.0f}",
            f"{error:+.1%}",
            one.trace.phase,
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _peers(whole: Sequence[Found], folder: Path) -> list[Judged]:
    estimates = {
        family: _estimates(folder, family) for family in dict.fromkeys(one.combination.family for one in whole)
    }
    accelerate = [accelerate_bytes(one.combination, estimates[one.combination.family]) for one in whole]
    # the parameters of the model itself, whatever the run stores them as
    counts = {one.combination.family: _parameters(folder, one.combination.family) for one in whole}
    table = [llama_factory_bytes(one.combination, counts[one.combination.family]) for one in whole]
    titles = ("accelerate estimate-memory", "the table in LLaMA-Factory's README")
    return [
        Judged(title, tuple(size / one.measured_bytes - 1 for size, one in zip(sizes, whole, strict=True)))
        for title, sizes in zip(titles, (accelerate, table), strict=True)
    ]


def _parameters(folder: Path, family: str) -> int:
    """Of the float32 weights on the disk."""
    return sum(file.stat().st_size for file in (folder / "models" / family).glob("*.safetensors")) // 4


def _estimates(folder: Path, family: str) -> dict[str, dict[str, float]]:
    kept = folder / "models" / f"{family}.accelerate.json"
    if not kept.is_file():
        kept.write_text(json.dumps(ask_accelerate(folder / "models" / family)), encoding="utf-8")
    found: dict[str, dict[str, float]] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def _failure(one: Found) -> str:
    return f"{one.combination.title}: {one.measure_failed or one.forecast_failed}".replace("|", "/")
