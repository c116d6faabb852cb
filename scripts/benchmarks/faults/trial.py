"""What one fault did to real runs, once: did all end well, how fast did it go on, and what does the person see."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.benchmarks.faults.scene import Scene


class NotRun(Exception):
    """This machine cannot do that to a run; the text says why."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the blow to the next process, and to the next finished step; None if there was none to come."""

    to_process: float | None = None
    to_step: float | None = None


@dataclass(slots=True)
class Trial:
    """Empty `problems` mean that all went as it should."""

    fault: str
    problems: list[str] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    sees: str = ""
    num_runs: int = 0
    num_finished: int = 0
    num_compared: int = 0
    num_equal: int = 0
    num_kills: int = 0
    num_orphans: int = 0
    num_zombies: int = 0
    num_double_starts: int = 0
    not_run: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether nothing went wrong; a trial that did not run is not passed."""
        return not self.problems and not self.not_run


@dataclass(frozen=True, slots=True)
class Fault:
    """`inflict` does `deed` to runs of its own, and gives what the person sees; an AssertionError is a failure."""

    name: str
    deed: str
    inflict: Callable[["Scene"], str]
    times: int = 1


def double_starts(steps: Sequence[dict[str, Any]]) -> int:
    """Pairs of trainers of one run that worked at the same time.

    `steps` are lines of steps.jsonl, whose `at` is one clock for all processes. Two processes may bear the number
    of one attempt if the store was lost in between, but not at once.
    """
    by_pid: dict[int, list[float]] = {}
    for line in steps:
        by_pid.setdefault(line["pid"], []).append(line["at"])
    spans = [(min(times), max(times)) for times in by_pid.values()]
    return sum(max(one[0], other[0]) <= min(one[1], other[1]) for one, other in combinations(spans, 2))


def spread(values: Sequence[float]) -> str:
    """Median, 95th percentile and worst, in seconds; the two latter only of more than one."""
    if not values:
        return "-"
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, -(-95 * len(ordered) // 100) - 1)]
    if len(ordered) == 1:
        return f"{ordered[0]:.2f}"
    return f"{statistics.median(ordered):.2f} / {late:.2f} / {ordered[-1]:.2f}"
