"""What came out, as lines and as a table."""

from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks.fit.trial import Outcome

DOCS = Path(__file__).resolve().parents[3] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- scripts/bench fit: begin -->", "<!-- scripts/bench fit: end -->"


def line(outcome: Outcome) -> str:
    """One case in words."""
    verdict = "proven" if outcome.is_proven else "NOT PROVEN"
    words = outcome.words or "nothing proposed"
    return f"{outcome.name}: {verdict}; {words}; {outcome.num_forecasts} forecasts, {outcome.seconds:.0f} s"


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown, one row for each case."""
    rows = [
        "| order | limit | as it was | changed by the first proposal | forecast | took | forecasts |",
        "|---|---:|---|---|---:|---:|---:|",
        *(_row(outcome) for outcome in outcomes),
    ]
    proven = sum(outcome.is_proven for outcome in outcomes)
    asked = sum(outcome.num_forecasts for outcome in outcomes) / max(1, len(outcomes))
    rows += ["", f"{proven} of {len(outcomes)} were trained to their end, with {asked:.1f} forecasts on average."]
    return "\n".join(rows)


def into_docs(text: str) -> None:
    """Between the two marks of docs/benchmarks.md."""
    page = DOCS.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _row(outcome: Outcome) -> str:
    first = f"{'killed' if outcome.first_died else 'not killed'} at {_mb(outcome.first_bytes)}"
    start = f"| {outcome.name} | {_mb(outcome.limit_bytes)} | {first} |"
    if outcome.code is None:
        return f"{start} nothing found | | | {outcome.num_forecasts} |"
    ended = "" if outcome.code == 0 else f" (code {outcome.code})"
    told = f"{_mb(outcome.low_bytes)} to {_mb(outcome.high_bytes)} | {_mb(outcome.second_bytes)}{ended}"
    return f"{start} {outcome.words} | {told} | {outcome.num_forecasts} |"


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
