"""What survives what: kills and other faults inflicted on real supervisors and trainers, and what came of it.

Usage: scripts/bench faults [--kills 200] [--only NAME ...] [--jobs N] [--write-docs]; --help tells the rest.
"""

import argparse
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from scripts.benchmarks.faults.catalogue import FAULTS, KILLS, NAMES, TRAINING
from scripts.benchmarks.faults.kills import kill_faults, make_course
from scripts.benchmarks.faults.playing import play
from scripts.benchmarks.faults.report import put_between_marks, row, table
from scripts.benchmarks.faults.training_faults import training_faults
from scripts.benchmarks.faults.trial import Fault, Trial
from tests.fakes.forked_programs import Forks

PAGE = Path(__file__).resolve().parents[3] / "docs" / "explanation" / "survives.md"
Results = list[tuple[Fault, list[Trial]]]


def main(words: Sequence[str]) -> int:
    """Inflict, print, write; 0 only if every trial that could be run passed."""
    asked = arguments(words)
    began = time.monotonic()
    results: Results = []
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as folder:
        _training_faults(Path(folder), asked, results)
        _other_faults(Path(folder), asked, results)
    text = f"{machine(asked, time.monotonic() - began)}\n\n{table(results)}"
    print(f"\n{text}")
    if asked.write_docs:
        put_between_marks(PAGE, text)
    trials = [trial for _, found in results for trial in found]
    return int(not trials or any(trial.problems for trial in trials))


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """The command line. Names are checked here."""
    parser = argparse.ArgumentParser(prog="scripts/bench faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="real trainings to kill something in (default 200)")
    parser.add_argument("--only", nargs="+", choices=[KILLS, *TRAINING, *NAMES], default=[], help="these faults only")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="trials at a time")
    parser.add_argument("--times", type=int, default=0, help="how often each other fault (default: its own number)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument("--long", action="store_true", help="1 GB of log instead of 50 MB")
    parser.add_argument("--write-docs", action="store_true", help="put the table into docs/explanation/survives.md")
    return parser.parse_args(words)


def _training_faults(folder: Path, asked: argparse.Namespace, results: Results) -> None:
    wanted = {KILLS, *TRAINING} & set(asked.only or (KILLS, *TRAINING))
    if not wanted - ({KILLS} if not asked.kills else set()):
        return
    forks = Forks("real")
    try:
        course = make_course(folder, forks)
        kills = kill_faults(course, asked.kills) if KILLS in wanted else []
        others = [fault for fault in training_faults(course) if fault.name in wanted]
        _inflict([*kills, *others], folder, forks, asked, results)
    finally:
        forks.close()


def _other_faults(folder: Path, asked: argparse.Namespace, results: Results) -> None:
    chosen = [fault for fault in FAULTS if not asked.only or fault.name in asked.only]
    if not chosen:
        return
    forks = Forks("misbehaving")
    try:
        _inflict(chosen, folder, forks, asked, results)
    finally:
        forks.close()


def _inflict(faults: Sequence[Fault], folder: Path, forks: Forks, asked: argparse.Namespace, results: Results) -> None:
    """Each fault so many times, some at once; one line when a fault is through."""
    with ThreadPoolExecutor(asked.jobs) as pool:
        waiting = [
            (
                fault,
                [pool.submit(_trial, fault, number, folder, forks, asked) for number in range(_times(fault, asked))],
            )
            for fault in faults
        ]
        for fault, futures in waiting:
            trials = [future.result() for future in futures]
            results.append((fault, trials))
            print(row(fault, trials), flush=True)
            for problem in dict.fromkeys(problem for trial in trials for problem in trial.problems):
                print(f"    FAILED {fault.name}: {problem}", flush=True)


def _times(fault: Fault, asked: argparse.Namespace) -> int:
    is_kill = fault.name not in (*TRAINING, *NAMES)
    return fault.times if is_kill or not asked.times else asked.times


def _trial(fault: Fault, number: int, folder: Path, forks: Forks, asked: argparse.Namespace) -> Trial:
    chance = random.Random(f"{asked.seed} {fault.name} {number}")  # noqa: S311 - moments, no secrets
    return play(fault, folder / f"{fault.name}-{number}", forks, chance, is_long=asked.long)


def machine(asked: argparse.Namespace, seconds: float) -> str:
    """Where, when and how it was measured."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {cores} cores, {asked.jobs} trials at a time, load "
        f"{load:.1f} at the end, {seconds / 60:.1f} minutes in all, seed {asked.seed}. Times are median / 95th "
        "percentile / worst. Programs are forked from one that has imported everything, unless the row says otherwise, "
        "so the times to the next step leave out a trainer's imports."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
