"""One contestant does one task in a process of its own, and prints what it cost as JSON.

Usage: python -m scripts.benchmarks.events.child CONTESTANT load|first|refresh|list|cold|warm LOGDIR
"""

import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.events import contestants
from scripts.benchmarks.events.measuring import Cost, measured

_STEPS_PER_REFRESH = 10  # of 10 tags: 100 points
_NUM_REFRESHES = {"tensorboard": 10, "rust": 3}


def main(name: str, task: str, logdir: Path) -> dict[str, Any]:
    """Do the task; what it cost, and what was read."""
    contestant = _contestant(name)
    try:
        return _TASKS[task](contestant, name, logdir)
    finally:
        if getattr(contestant, "server", None):
            contestant.server.close()


def _contestant(name: str) -> Any:
    if name == "rust":
        from scripts.benchmarks.events.rust_server import Rust

        return Rust()
    makers: dict[str, Callable[[], Any]] = {
        "ours": contestants.Ours,
        "tensorboard": contestants.TensorBoard,
        "tbparse": contestants.Tbparse,
        "c": contestants.C,
        "c-crc": lambda: contestants.C(verify_payloads=True),
    }
    return makers[name]()


def load(contestant: Any, _: str, logdir: Path) -> dict[str, Any]:
    """Everything into memory."""
    _, cost = measured(lambda: contestant.load(logdir))
    return _told(contestant, cost) | digest(contestant.runs())


def first(contestant: Any, _: str, logdir: Path) -> dict[str, Any]:
    """Until there is a curve to draw."""
    num_points, cost = measured(lambda: contestant.first_curve(logdir))
    return _told(contestant, cost) | {"points": num_points}


def refresh(contestant: Any, name: str, logdir: Path) -> dict[str, Any]:
    """100 points are appended again and again to a file of a million; the median of what each refresh costs."""
    from scripts.benchmarks.events.material import FULL, NAMES, START, numbers, times
    from scripts.benchmarks.events.records import event, framed, simple_value

    getattr(contestant, "load_live", contestant.load)(logdir)
    path = next(logdir.rglob("*tfevents*"))
    step = FULL["a"].steps
    cpu, wall = [], []
    for number in range(_NUM_REFRESHES.get(name, 50)):
        steps = range(step + number * _STEPS_PER_REFRESH, step + (number + 1) * _STEPS_PER_REFRESH)
        values, moments = numbers(_STEPS_PER_REFRESH, len(NAMES), number), times(_STEPS_PER_REFRESH, START)
        payloads = [
            event(moments[row], one, [simple_value(tag, values[row, column])])
            for row, one in enumerate(steps)
            for column, tag in enumerate(NAMES)
        ]
        with path.open("ab") as file:
            file.write(framed(payloads))
        server_before = contestant.server.cpu_seconds if name == "rust" else 0.0
        _, cost = measured(contestant.refresh)
        server = contestant.server.cpu_seconds - server_before if name == "rust" else 0.0
        cpu.append(cost.cpu_seconds + server)
        wall.append(cost.wall_seconds)
    return {"cpu_seconds": statistics.median(cpu), "wall_seconds": statistics.median(wall), "grown_bytes": 0}


def _told(contestant: Any, cost: Cost) -> dict[str, Any]:
    server = getattr(contestant, "server", None)
    return {
        "cpu_seconds": cost.cpu_seconds + (server.cpu_seconds if server else 0.0),
        "wall_seconds": cost.wall_seconds,
        "grown_bytes": cost.grown_bytes + (server.peak_bytes if server else 0),
        "load_average": Path("/proc/loadavg").read_text(encoding="ascii").split()[0],
    }


def digest(runs: contestants.Runs) -> dict[str, Any]:
    """How many points there are, and a hash of runs, tags, steps, values and wall times."""
    num_points, found = 0, hashlib.sha256()
    for run in sorted(runs):
        for tag in sorted(runs[run]):
            steps, values, wall_times = runs[run][tag]
            num_points += len(steps)
            found.update(f"{run}\0{tag}\0".encode())
            found.update(np.ascontiguousarray(steps, np.int64).tobytes())
            found.update(np.ascontiguousarray(values, np.float64).tobytes())
            found.update(np.ascontiguousarray(wall_times, np.float64).tobytes())
    return {"points": num_points, "digest": found.hexdigest()[:12]}


def list_runs(contestant: Any, _: str, logdir: Path) -> dict[str, Any]:
    """All runs with the last value of each tag."""
    num_values, cost = measured(lambda: contestant.list_runs(logdir))
    return _told(contestant, cost) | {"points": num_values}


def cold(contestant: Any, _: str, logdir: Path) -> dict[str, Any]:
    """All runs are read and kept in an empty cache."""
    cache = _cache(logdir)
    shutil.rmtree(cache, ignore_errors=True)
    cache.mkdir()
    num_runs, cost = measured(lambda: contestant.keep(logdir, cache))
    return _told(contestant, cost) | {"points": num_runs}


def warm(contestant: Any, _: str, logdir: Path) -> dict[str, Any]:
    """All curves of all runs come from the cache, and are right."""
    num_points, cost = measured(lambda: contestant.from_cache(logdir, _cache(logdir)))
    return _told(contestant, cost) | {"points": num_points}


def _cache(logdir: Path) -> Path:
    return logdir.with_name(f"{logdir.name}-cache")


_TASKS = {"load": load, "first": first, "refresh": refresh, "list": list_runs, "cold": cold, "warm": warm}

if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
