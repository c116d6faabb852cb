"""Which contestant does what, in which order, and one lap of it: a fresh process that prints what it cost."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.benchmarks.events.material import Material

LABELS = {
    "ours": "PEFT Studio",
    "c": "C decoder",
    "c-crc": "C decoder, all checksums",
    "rust": "TensorBoard's data server (Rust), gRPC",
    "tensorboard": "TensorBoard's EventAccumulator",
    "tbparse": "tbparse",
}
SAMPLE_RUNS = 20  # of (c), for readers that would take many minutes
_TIMEOUT_SECONDS = 3_000
_SLOW = {"tensorboard", "tbparse"}


class LapFailed(RuntimeError):
    """A contestant that did not finish; the text says why."""


@dataclass(frozen=True, slots=True)
class Race:
    """A contestant, its task (see child.py), and the case that it reads; `factor` extrapolates from a sample."""

    contestant: str
    task: str
    letter: str
    factor: int = 1


@dataclass(frozen=True, slots=True)
class Lap:
    """What one lap cost; `points` and `digest` say what was read."""

    contestant: str
    task: str
    letter: str
    round: int
    cpu_seconds: float
    wall_seconds: float
    grown_bytes: int
    points: int = 0
    digest: str = ""
    factor: int = 1
    load_average: float = 0.0

    def to_json(self) -> dict[str, object]:
        """For the file of raw numbers."""
        return asdict(self)


def schedule(rounds: int, chosen: set[str], *, is_quick: bool) -> Iterator[tuple[int, Race]]:
    """All laps; quick readers take turns, every other round backwards, long laps are in the first round only."""
    for number in range(rounds):
        races = [race for race in _races(is_quick=is_quick) if race.contestant in chosen]
        for race in races[::-1] if number % 2 else races:
            if number == 0 or not _is_long(race):
                yield number, race


def _is_long(race: Race) -> bool:
    return race.contestant in _SLOW or race.task == "cold" or (race.letter, race.task) == ("c", "load")


def _races(*, is_quick: bool) -> list[Race]:
    races = [Race(name, "load", letter) for letter in "abef" for name in ("ours", "c", "c-crc", "rust", "tensorboard")]
    races += [Race("tbparse", "load", letter) for letter in "ab"]
    races += [Race(name, "load", "c") for name in ("ours", "c", "rust")]
    if not is_quick:
        races.append(Race("tensorboard", "load", "c", factor=-1))
    races += [Race(name, "first", letter) for letter in "abc" for name in ("ours", "rust")]
    races += [Race("tensorboard", "first", letter) for letter in "bc"]
    races += [Race(name, "refresh", "d") for name in ("ours", "rust", "tensorboard")]
    return races + [Race("ours", task, "c") for task in ("list", "cold", "warm")]


def lap(race: Race, number: int, material: Material, pythons: dict[str, str], library: Path) -> Lap:
    """Run a contestant once. Raises LapFailed."""
    logdir, factor = _logdir(race, material)
    words = [pythons.get(race.contestant, sys.executable), "-m", "scripts.benchmarks.events.child"]
    environment = os.environ | {"EVENTS_BENCH_LIBRARY": str(library), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [*words, race.contestant, race.task, str(logdir)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        raise LapFailed(f"not done after {_TIMEOUT_SECONDS} s") from None
    if done.returncode:
        raise LapFailed((done.stderr.strip().splitlines() or ["no message"])[-1][-200:])
    told = json.loads(done.stdout.splitlines()[-1])
    costs = {name: told[name] * factor for name in ("cpu_seconds", "wall_seconds", "grown_bytes")}
    return Lap(
        race.contestant,
        race.task,
        race.letter,
        number,
        **costs,
        points=told.get("points", 0),
        digest=told.get("digest", "") if factor == 1 else "",
        factor=factor,
        load_average=os.getloadavg()[0],
    )


def _logdir(race: Race, material: Material) -> tuple[Path, int]:
    """What to read: the case, a copy to append to, or some of its runs; and by what the costs are multiplied."""
    if race.letter == "d":
        copy = material.folder / "d"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(material.logdir("a"), copy)
        return copy, 1
    if race.factor == 1:
        return material.logdir(race.letter), 1
    some = material.folder / "c-sample"
    some.mkdir(exist_ok=True)
    for folder in sorted(material.logdir("c").iterdir())[:SAMPLE_RUNS]:
        link = some / folder.name
        if not link.exists():
            link.symlink_to(folder.resolve(), target_is_directory=True)
    return some, material.cases["c"].runs // SAMPLE_RUNS
