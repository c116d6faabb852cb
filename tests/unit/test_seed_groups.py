"""Runs that differ by their seed alone are one group; nothing is ranked on noise."""

import pytest

from backend.domain.config_diff import compare_configs
from backend.domain.measured_alike import caveats
from backend.domain.metric_goals import Goal
from backend.domain.run_config import RunConfig
from backend.domain.run_results import Point
from backend.domain.seed_groups import GroupResult, SeedGroup, comparison, group_result, seed_by_seed, seed_groups
from tests.fakes.run_configs import a_config


def seeded(*seeds: int, **facts: object) -> list[RunConfig]:
    return [a_config(name=f"run {seed}", training={"seed": seed}, **facts) for seed in seeds]


def against(configs: list[RunConfig], tag: str) -> tuple[str, ...]:
    return caveats(compare_configs(configs), configs, tag)


def figures(values: dict[int, float]) -> GroupResult:
    group = SeedGroup(tuple(range(len(values))), tuple(values))
    return group_result(group, [Point(10, value) for value in values.values()])


def test_runs_that_differ_by_seed_and_name_alone_are_one_group() -> None:
    configs = [*seeded(1, 2), a_config(method="dora"), *seeded(3)]
    assert seed_groups(configs) == (SeedGroup((0, 1, 3), (1, 2, 3)), SeedGroup((2,), (42,)))


def test_the_same_seed_once_more_is_no_second_sample() -> None:
    twice = group_result(SeedGroup((0, 1), (7, 7)), [Point(1, 2.0), Point(1, 4.0)])
    assert twice.summary is not None
    assert (twice.summary.n, twice.summary.mean, twice.summary.low) == (1, 3.0, None)
    assert twice.group.num_seeds == 1


@pytest.mark.parametrize("gone", [None, Point(1, float("nan"))])
def test_a_mean_without_the_diverged_run_is_not_claimed(gone: Point | None) -> None:
    found = group_result(SeedGroup((0, 1), (1, 2)), [Point(1, 2.0), gone])
    assert (found.summary, found.num_without_value) == (None, 1)
    good = figures({1: 1.0, 2: 1.1})
    assert comparison(found, good, Goal.LOWER) == "not compared: 1 of the runs has no finite value there"


def test_one_seed_says_nothing_however_far_the_values_are() -> None:
    assert "cannot be told apart" in comparison(figures({1: 0.1}), figures({1: 9.0, 2: 9.1}), Goal.LOWER)


def test_intervals_that_overlap_are_no_ranking() -> None:
    one, other = figures({1: 1.0, 2: 1.4, 3: 1.1}), figures({1: 1.2, 2: 1.5, 3: 1.3})
    assert comparison(one, other, Goal.LOWER) == "cannot be told apart: the 95 % confidence intervals overlap"


@pytest.mark.parametrize(
    ("goal", "words"),
    [(Goal.LOWER, "lower, which is better"), (Goal.HIGHER, "lower, which is worse"), (Goal.UNKNOWN, "lower")],
)
def test_what_is_apart_is_said_with_what_it_means(goal: Goal, words: str) -> None:
    one, other = figures({1: 1.0, 2: 1.01, 3: 1.02}), figures({1: 2.0, 2: 2.01, 3: 2.02})
    assert comparison(one, other, goal) == words


def test_seed_by_seed_a_small_difference_shows_that_seeds_would_hide() -> None:
    one, other = figures({1: 1.00, 2: 2.00, 3: 3.00}), figures({1: 1.10, 2: 2.11, 3: 3.09, 4: 9.0})
    assert "overlap" in comparison(one, other, Goal.LOWER)
    paired = seed_by_seed(one, other)
    assert paired is not None
    assert (paired.n, paired.mean) == (3, pytest.approx(-0.1))
    assert paired.high is not None
    assert paired.high < 0
    back = seed_by_seed(other, one)
    assert back is not None
    assert back.mean == pytest.approx(0.1)


def test_without_two_seeds_in_common_nothing_is_told_seed_by_seed() -> None:
    one = figures({1: 1.0, 2: 2.0})
    assert seed_by_seed(one, figures({2: 1.0, 3: 2.0})) is None
    lost = group_result(SeedGroup((0, 1, 2), (1, 2, 3)), [Point(1, 1.0), Point(1, 2.0), None])
    assert seed_by_seed(one, lost) is None


def test_what_speaks_against_a_comparison_is_named() -> None:
    assert against([a_config(), a_config(method="dora")], "eval/loss") == ()
    other = a_config(base_model="org/other", dataset="b.jsonl", recipe="pretrain", training={"max_length": 64})
    assert len(against([a_config(), other], "train/loss")) == 4
    (by_seed,) = against(seeded(1, 2), "eval/loss")
    assert "drawn by the seed" in by_seed
    assert against(seeded(1, 2), "train/loss") == ()
    fixed = {"dataset": {"path": "a.jsonl", "validation_path": "b.jsonl"}}
    assert against([a_config(**fixed), a_config(**fixed, training={"seed": 1})], "eval/loss") == ()
