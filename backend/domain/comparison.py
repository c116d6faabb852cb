"""Runs side by side: what they were told, what came out, and what may be said of it. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from backend.domain.config_diff import ConfigDiff, compare_configs
from backend.domain.curves import Curves
from backend.domain.measured_alike import caveats
from backend.domain.metric_goals import Goal, goal_of
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.run_results import (
    Result,
    Together,
    memory_peak,
    metric_tags,
    result,
    together,
    typical_speed,
)
from backend.domain.seed_groups import GroupResult, SeedGroup, comparison, group_result, seed_groups


@dataclass(frozen=True, slots=True, eq=False)
class ComparedRun:
    """One run. `config` is what its last attempt was told; None, with the `problem`, if that cannot be read.

    `changed` says what supervision or a person changed after the start.
    """

    run: Run
    config: RunConfig | None
    curves: Curves
    problem: str = ""
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """How a run went; None where nothing was measured. `memory` is the tag of the peak with its bytes."""

    tokens_per_second: float | None
    memory: tuple[str, float] | None
    duration_seconds: float | None
    num_attempts: int


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric. `results` and `shared` have a place for each run, `groups` one for each group of seeds.

    `verdicts` compare each group but the first with the first.
    """

    tag: str
    goal: Goal
    results: tuple[Result | None, ...]
    shared: Together
    groups: tuple[GroupResult, ...]
    verdicts: tuple[str, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The runs in the order that was asked for; `missing` are ids that no run has (any more)."""

    runs: tuple[ComparedRun, ...]
    missing: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each run that none of the others has: with its id where names are the same."""
        times = Counter(one.run.name for one in self.runs)
        return tuple(
            one.run.name if times[one.run.name] == 1 else f"{one.run.name} ({one.run.id})" for one in self.runs
        )

    @property
    def readable(self) -> tuple[int, ...]:
        """The places of the runs whose configuration is known."""
        return tuple(place for place, one in enumerate(self.runs) if one.config is not None)

    def first(self, num_runs: int) -> "Comparison":
        """The same of the first runs only."""
        return Comparison(self.runs[:num_runs], self.missing)

    def diff(self) -> ConfigDiff:
        """What the readable ones were told differently; values are in the order of `readable`."""
        return compare_configs(self._configs())

    def tags(self) -> tuple[str, ...]:
        """The metrics of all runs, evaluations first."""
        return metric_tags([one.curves for one in self.runs])

    def groups(self) -> tuple[SeedGroup, ...]:
        """Which readable runs differ by their seed alone; members are places in `runs`."""
        places = self.readable
        return tuple(
            SeedGroup(tuple(places[member] for member in group.members), group.seeds)
            for group in seed_groups(self._configs())
        )

    def metric(self, tag: str) -> MetricComparison:
        """One metric of all runs."""
        all_series = [one.curves.series.get(tag) for one in self.runs]
        goal = self._goal(tag)
        shared = together(all_series, goal)
        groups = tuple(group_result(group, shared.points) for group in self.groups())
        return MetricComparison(
            tag=tag,
            goal=goal,
            results=tuple(None if series is None else result(series, goal) for series in all_series),
            shared=shared,
            groups=groups,
            verdicts=tuple(comparison(group, groups[0], goal) for group in groups[1:]),
            caveats=caveats(self._configs(), tag),
        )

    def _configs(self) -> tuple[RunConfig, ...]:
        return tuple(one.config for one in self.runs if one.config is not None)

    def _goal(self, tag: str) -> Goal:
        """What all readable runs agree on; unknown if they do not."""
        found = {goal_of(tag, config) for config in self._configs()} or {goal_of(tag)}
        return found.pop() if len(found) == 1 else Goal.UNKNOWN


def facts(one: ComparedRun, now: datetime) -> Facts:
    """Speed, memory, time and attempts of one run; a living attempt counts until now."""
    run = one.run
    lasted = [((attempt.ended_at or now) - attempt.started_at).total_seconds() for attempt in run.attempts]
    is_known = bool(lasted) and not (run.is_over and any(attempt.ended_at is None for attempt in run.attempts))
    return Facts(
        tokens_per_second=typical_speed(one.curves.series),
        memory=memory_peak(one.curves.series),
        duration_seconds=sum(lasted) if is_known else None,
        num_attempts=len(run.attempts),
    )


def group_names(groups: Sequence[GroupResult], labels: Sequence[str]) -> tuple[str, ...]:
    """What to call each group: its first run, and how many more."""
    names = []
    for one in groups:
        more = len(one.group.members) - 1
        first = labels[one.group.members[0]]
        names.append(f"{first} and {more} more" if more else first)
    return tuple(names)
