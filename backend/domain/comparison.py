"""Runs side by side: what they were told, what came out, and what may be said of it. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import takewhile

from backend.domain.config_diff import ConfigDiff, compare_configs
from backend.domain.curves import Curves
from backend.domain.measured_alike import caveats
from backend.domain.metric_goals import Goal, goal_of
from backend.domain.run import Run
from backend.domain.run_config import RunConfig
from backend.domain.run_results import (
    Result,
    Together,
    energy_joules,
    memory_peak,
    metric_tags,
    result,
    together,
    typical_speed,
)
from backend.domain.seed_groups import GroupResult, SeedGroup, comparison, group_result, seed_by_seed, seed_groups
from backend.domain.statistics import Summary


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
    energy_joules: float | None = None


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric. `results` and `shared` have a place for each run, `groups` one for each group of seeds.

    `verdicts` compare each group with the one at place `beside`, whose own is empty; so do `paired`, seed by seed.
    """

    tag: str
    goal: Goal
    results: tuple[Result | None, ...]
    shared: Together
    groups: tuple[GroupResult, ...]
    beside: int
    verdicts: tuple[str, ...]
    paired: tuple[Summary | None, ...]
    caveats: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The runs in the order that was asked for; `missing` are ids that no run has (any more).

    What all metrics share is found once: some milliseconds for each configuration.
    """

    runs: tuple[ComparedRun, ...]
    missing: tuple[str, ...] = ()

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A name for each run that none of the others has: with its id where names are the same."""
        times = Counter(one.run.name for one in self.runs)
        return tuple(
            one.run.name if times[one.run.name] == 1 else f"{one.run.name} ({one.run.id})" for one in self.runs
        )

    @cached_property
    def readable(self) -> tuple[int, ...]:
        """The places of the runs whose configuration is known."""
        return tuple(place for place, one in enumerate(self.runs) if one.config is not None)

    def first(self, num_runs: int) -> "Comparison":
        """The same of the first runs only."""
        return Comparison(self.runs[:num_runs], self.missing)

    @cached_property
    def diff(self) -> ConfigDiff:
        """What the readable ones were told differently; values are in the order of `readable`."""
        return compare_configs(self._configs())

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The metrics of all runs, evaluations first."""
        return metric_tags([one.curves for one in self.runs])

    @cached_property
    def groups(self) -> tuple[SeedGroup, ...]:
        """Which readable runs differ by their seed alone; members are places in `runs`."""
        places = self.readable
        return tuple(
            SeedGroup(tuple(places[member] for member in group.members), group.seeds)
            for group in seed_groups(self._configs())
        )

    def metric(self, tag: str, beside: int = 0) -> MetricComparison:
        """One metric of all runs; every group of seeds is compared with the one at place `beside`."""
        all_series = [one.curves.series.get(tag) for one in self.runs]
        goal = self.goal(tag)
        shared = together(all_series, goal)
        groups = tuple(group_result(group, shared.points) for group in self.groups)
        return MetricComparison(
            tag=tag,
            goal=goal,
            results=tuple(None if series is None else result(series, goal) for series in all_series),
            shared=shared,
            groups=groups,
            beside=beside,
            verdicts=tuple(
                "" if place == beside else comparison(group, groups[beside], goal) for place, group in enumerate(groups)
            ),
            paired=tuple(
                None if place == beside else seed_by_seed(group, groups[beside]) for place, group in enumerate(groups)
            ),
            caveats=caveats(self.diff, self._configs(), tag),
        )

    def goal(self, tag: str) -> Goal:
        """What all readable runs agree on; unknown if they do not."""
        found = {goal_of(tag, config) for config in self._configs()} or {goal_of(tag)}
        return found.pop() if len(found) == 1 else Goal.UNKNOWN

    def _configs(self) -> tuple[RunConfig, ...]:
        return tuple(one.config for one in self.runs if one.config is not None)


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
        energy_joules=energy_joules(one.curves.series),
    )


def group_names(groups: Sequence[SeedGroup], labels: Sequence[str]) -> tuple[str, ...]:
    """What to call each group: its run, or what the names of its runs have in common, if that tells it apart."""
    members = [[labels[member] for member in group.members] for group in groups]
    shared = [_shared(own) if len(own) > 1 else "" for own in members]
    times = Counter([*shared, *labels])
    return tuple(_group_name(own, name if times[name] == 1 else "") for own, name in zip(members, shared, strict=True))


def _group_name(labels: Sequence[str], shared: str) -> str:
    if len(labels) == 1:
        return labels[0]
    return f"{shared} ({len(labels)} runs)" if shared else f"{labels[0]} and {len(labels) - 1} more"


def _shared(labels: Sequence[str]) -> str:
    """How all begin, by whole words, without what announces the number of the seed."""
    alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*labels, strict=False))
    start = "".join(letters[0] for letters in alike)
    if any(label[len(start) : len(start) + 1].isalnum() for label in labels):
        start = _HALF_WORD.sub("", start)
    return _SEED_WORD.sub("", start)


_HALF_WORD = re.compile(r"[^\W_]+$")
_SEED_WORD = re.compile(r"[\W_]*(\b(seed|s))?[\W_]*$", re.IGNORECASE)
