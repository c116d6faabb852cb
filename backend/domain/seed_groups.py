"""Runs that differ only by their seed are one group: its interval, and what can be said of two. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum

from backend.domain.config_diff import SEED, flattened
from backend.domain.metric_goals import Goal
from backend.domain.run_config import RunConfig
from backend.domain.run_results import Point
from backend.domain.statistics import FEWEST, Summary, are_apart, summarise


@dataclass(frozen=True, slots=True)
class SeedGroup:
    """`members` are places in the sequence that was grouped; `seeds` are theirs, one for each."""

    members: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def num_seeds(self) -> int:
        """How many different ones: the same seed once more is no second sample."""
        return len(set(self.seeds))


@dataclass(frozen=True, slots=True)
class GroupResult:
    """A metric over a group. `summary` is over the values `by_seed`; None if a run has no finite value.

    A mean without the runs that diverged would flatter the group, so there is none then.
    """

    group: SeedGroup
    summary: Summary | None
    num_without_value: int
    by_seed: Mapping[int, float] = field(default_factory=dict)


def seed_groups(configs: Sequence[RunConfig]) -> tuple[SeedGroup, ...]:
    """Which of them are the same but for the seed and the name, in the order of their first members."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, config in enumerate(configs):
        told = flattened(config)
        told.pop(SEED)
        found[repr(sorted(told.items()))].append(place)
    return tuple(
        SeedGroup(tuple(members), tuple(configs[member].training.seed for member in members))
        for members in found.values()
    )


def group_result(group: SeedGroup, points: Sequence[Point | None]) -> GroupResult:
    """The group's figures; `points` are of all runs that were grouped. Runs of one seed count as their mean."""
    by_seed: dict[int, list[float]] = defaultdict(list)
    for member, seed in zip(group.members, group.seeds, strict=True):
        point = points[member]
        if point is not None and point.is_finite:
            by_seed[seed].append(point.value)
    num_missing = len(group.members) - sum(map(len, by_seed.values()))
    means = {seed: fsum(values) / len(values) for seed, values in by_seed.items()}
    return GroupResult(group, None if num_missing else summarise(list(means.values())), num_missing, means)


def seed_by_seed(one: GroupResult, other: GroupResult) -> Summary | None:
    """The differences one - other at each seed that both have; None where fewer than two tell of a spread.

    Runs of one seed share their held-out rows and the order of the others, so this is often the sharper question.
    """
    if one.summary is None or other.summary is None:
        return None
    found = summarise([value - other.by_seed[seed] for seed, value in one.by_seed.items() if seed in other.by_seed])
    return found if found is not None and found.n >= FEWEST else None


def comparison(one: GroupResult, other: GroupResult, goal: Goal) -> str:
    """What can be said of the first beside the second: never more than the intervals say."""
    if one.summary is None or other.summary is None:
        num = one.num_without_value + other.num_without_value
        return f"not compared: {num} of the runs {'has' if num == 1 else 'have'} no finite value there"
    if min(one.summary.n, other.summary.n) < FEWEST:
        return "cannot be told apart: one seed says nothing of the spread; train each with three or more"
    if not are_apart(one.summary, other.summary):
        return "cannot be told apart: the 95 % confidence intervals overlap"
    is_lower = one.summary.mean < other.summary.mean
    word = "lower" if is_lower else "higher"
    if goal is Goal.UNKNOWN:
        return word
    return f"{word}, which is {'better' if word == goal.value else 'worse'}"
