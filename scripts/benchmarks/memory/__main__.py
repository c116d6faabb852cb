"""How near the forecast of a run's memory comes: each combination of the grid is really trained, and compared.

What was measured is kept; a second call goes on where the first one stopped. Usage: scripts/bench memory
[--only TEXT] [--limit N] [--part measure|forecast|tell|sizes] [--write-docs] [--write-config]; --help tells the rest.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmarks.memory.c_library import told_by
from scripts.benchmarks.memory.grid import GRID, Combination
from scripts.benchmarks.memory.keeping import Shelf, stamp_of
from scripts.benchmarks.memory.nursery import Nursery
from scripts.benchmarks.memory.report import into_docs, page
from scripts.benchmarks.memory.shipping import write_lines
from scripts.benchmarks.memory.sizes import costs, table
from scripts.benchmarks.memory.trial import TrialFailed, measure, needs_bitsandbytes, predict

PARTS = ("measure", "forecast", "tell", "sizes")


def main(words: Sequence[str]) -> int:
    """Measure, forecast, print the tables and write them; 0 if all could be compared."""
    asked = arguments(words)
    os.nice(asked.nice)
    output = Path(asked.output)
    other = Path(asked.c_library) if asked.c_library else None
    try:
        other_name = told_by(other) if other else ""
    except FileNotFoundError as error:
        print(error, file=sys.stderr)
        return 2
    output.mkdir(parents=True, exist_ok=True)
    if "sizes" in asked.part:
        said = table(costs(output))
        print(said)
        if asked.write_docs:
            into_docs(said, "memory sizes")
    shelf = Shelf(output, other_name)
    chosen = [one for one in GRID if all(word in one.title for word in asked.only) and not (other and one.is_mapped)]
    for with_bitsandbytes in (False, True):
        work = [one for one in chosen if needs_bitsandbytes(one) == with_bitsandbytes]
        if not work or not {"measure", "forecast"} & set(asked.part):
            continue
        with Nursery(
            {"PEFT_STUDIO_THREADS": str(asked.threads)}, with_bitsandbytes=with_bitsandbytes, c_library=other
        ) as nursery:
            do(work, nursery, shelf, output, asked)
    if "tell" not in asked.part:
        return 0
    found = [shelf.take(one) for one in chosen]
    text = page(found, output)
    print(text)
    if asked.write_docs:
        into_docs(text, "memory, another C library" if other else "memory")
    if asked.write_config:
        write_lines(found)
    return int(any(one.trace is None for one in found))


def do(work: Sequence[Combination], nursery: Nursery, shelf: Shelf, output: Path, asked: argparse.Namespace) -> None:
    """Train what was not trained yet, forecast what was not forecast yet."""
    if "measure" in asked.part:
        missing = _missing(work, shelf, asked)
        for number, one in enumerate(missing, 1):
            measure_one(one, nursery, shelf, output, f"[{number}/{len(missing)}]")
    if "forecast" in asked.part:
        for number, one in enumerate(work, 1):
            forecast_one(one, nursery, shelf, output, f"[{number}/{len(work)}]")


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench memory", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="TEXT", help="combinations whose line has all of these"
    )
    parser.add_argument("--limit", type=int, default=len(GRID), help="train no more than so many now")
    parser.add_argument("--repeats", type=int, default=1, help="trainings of each combination (default 1)")
    parser.add_argument("--part", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    parser.add_argument("--threads", type=int, default=1, help="of each training (default 1)")
    parser.add_argument("--nice", type=int, default=10, help="how much is given way to other programs (default 10)")
    parser.add_argument("--retry", action="store_true", help="train again what failed")
    parser.add_argument("--output", default=str(Path(tempfile.gettempdir()) / "peft-studio-memory"), help="a folder")
    parser.add_argument(
        "--c-library",
        default="",
        metavar="FOLDER",
        help="run the programs with the C library that lies unpacked there: only what is in the heap, results apart",
    )
    parser.add_argument("--write-docs", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--write-config", action="store_true", help="put the coefficients into config/")
    return parser.parse_args(words)


def _missing(chosen: Sequence[Combination], shelf: Shelf, asked: argparse.Namespace) -> list[Combination]:
    def is_missing(one: Combination) -> bool:
        found = shelf.take(one)
        return len(found.records) < asked.repeats and (asked.retry or not found.measure_failed)

    return [one for one in chosen if is_missing(one)][: asked.limit]


def measure_one(one: Combination, nursery: Nursery, shelf: Shelf, output: Path, place: str) -> None:
    """One training and one line about it; a failure is part of the result."""
    found, began = shelf.take(one), time.monotonic()
    try:
        with tempfile.TemporaryDirectory(dir=output) as folder:
            found.records.append(measure(nursery, one, output, Path(folder) / "run"))
        found.measure_failed = ""
        said = f"{found.records[-1].measured_bytes / 1e6:,.0f} MB"
    except TrialFailed as error:
        found.measure_failed = said = str(error)
    shelf.put(found)
    print(f"{place} {one.title}: {said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)


def forecast_one(one: Combination, nursery: Nursery, shelf: Shelf, output: Path, place: str) -> None:
    """One forecast, unless this program has made it already."""
    found, stamp = shelf.take(one), stamp_of()
    if not found.records or (found.stamp == stamp and found.trace is not None):
        return
    try:
        with tempfile.TemporaryDirectory(dir=output) as folder:
            found.trace, found.forecast_seconds = predict(nursery, one, output, Path(folder))
        found.forecast_failed = ""
        ratio = found.measured_bytes / found.trace.peak_bytes
        said = f"{found.trace.peak_bytes / 1e6:,.0f} MB in {found.trace.phase}, measured is {ratio:.3f} of it"
    except TrialFailed as error:
        found.trace, found.forecast_failed = None, str(error)
        said = str(error)
    found.stamp = stamp
    shelf.put(found)
    print(f"{place} {one.title}: {said}, {found.forecast_seconds:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
