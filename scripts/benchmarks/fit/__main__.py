"""Whether what the fit advisor proposes really fits: ten orders that die under a limit, and the same changed.

Each is really trained under a limit of resident memory that a watcher enforces (a look every 5 ms, then SIGKILL);
models have random weights. Usage: scripts/bench fit [--only TEXT ...] [--write-docs]; a second call goes on where the
first one stopped.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from backend.store.files import read_text, replace_text
from scripts.benchmarks.fit.cases import CASES
from scripts.benchmarks.fit.report import into_docs, line, table
from scripts.benchmarks.fit.trial import Outcome, try_case
from scripts.benchmarks.memory.grid import Combination
from scripts.benchmarks.memory.nursery import Nursery
from scripts.benchmarks.memory.trial import measure

SMALLEST = Combination("gpt2", rows=1, tokens=64)


def main(words: Sequence[str]) -> int:
    """Print a line for each case as it ends, then the table; 0 if every proposal was proven."""
    parser = argparse.ArgumentParser(prog="scripts/bench fit", description=__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="TEXT", help="cases whose name has one of these")
    parser.add_argument("--nice", type=int, default=5, help="how much is given way to other programs (default 5)")
    parser.add_argument("--output", default=str(Path(tempfile.gettempdir()) / "peft-studio-memory"), help="a folder")
    parser.add_argument("--again", action="store_true", help="also the cases that were tried before")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/benchmarks.md")
    asked = parser.parse_args(words)
    os.nice(asked.nice)
    folder = Path(asked.output)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [case for case in CASES if not asked.only or any(word in case.name for word in asked.only)]
    kept = folder / "fit-outcomes.json"
    outcomes = known(kept)
    missing = [case for case in chosen if asked.again or case.name not in outcomes]
    if missing:
        with Nursery({"PEFT_STUDIO_THREADS": "1"}, with_bitsandbytes=True) as nursery:
            baseline = _imports(nursery, folder)
            print(f"the imports take {baseline / 1e6:,.0f} MB", file=sys.stderr, flush=True)
            for case in missing:
                with tempfile.TemporaryDirectory(dir=folder) as work:
                    outcomes[case.name] = try_case(case, nursery, folder, Path(work), baseline)
                print(line(outcomes[case.name]), file=sys.stderr, flush=True)
                replace_text(kept, json.dumps([asdict(outcome) for outcome in outcomes.values()], indent=1))
    told = [outcomes[case.name] for case in chosen]
    text = table(told)
    print(text)
    if asked.write_docs:
        into_docs(text)
    return int(not all(outcome.is_proven for outcome in told))


def known(file: Path) -> dict[str, Outcome]:
    """What was tried before, by name."""
    text = read_text(file)
    return {} if text is None else {told["name"]: Outcome(**told) for told in json.loads(text)}


def _imports(nursery: Nursery, folder: Path) -> int:
    """Bytes that a trainer holds before its model is loaded, from a small run without a limit."""
    with tempfile.TemporaryDirectory(dir=folder) as work:
        return measure(nursery, SMALLEST, folder, Path(work) / "run").baseline_bytes


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
