"""Last and best values, at steps that runs share, honest about what is not finite."""

import math
from types import MappingProxyType

import numpy as np
import pytest

from backend.domain.curves import Curves, Series
from backend.domain.metric_goals import Goal, goal_of
from backend.domain.run_results import (
    Point,
    best_point,
    energy_joules,
    last_common_step,
    memory_peak,
    metric_tags,
    result,
    together,
    typical_speed,
)
from tests.fakes.run_configs import a_config

NAN, INF = float("nan"), float("inf")


def series(values: dict[int, float], tag: str = "eval/loss") -> Series:
    steps = np.array(list(values), np.int64)
    return Series(tag, steps, np.array(list(values.values()), np.float64), steps.astype(np.float64))


def curves(*all_series: Series) -> Curves:
    return Curves(1, MappingProxyType({one.tag: one for one in all_series}), ())


@pytest.mark.parametrize(
    ("tag", "goal"),
    [
        ("train/loss", Goal.LOWER),
        ("eval/nll_loss", Goal.LOWER),
        ("eval/perplexity", Goal.LOWER),
        ("eval/mean_token_accuracy", Goal.HIGHER),
        ("eval/rewards/margins", Goal.HIGHER),
        ("eval/rewards/accuracies", Goal.HIGHER),
        ("train/reward", Goal.HIGHER),
        ("train/rewards/length/mean", Goal.HIGHER),
        ("eval/exact_match", Goal.HIGHER),
        ("train/reward_std", Goal.UNKNOWN),
        ("train/rewards/chosen", Goal.UNKNOWN),
        ("train/entropy", Goal.UNKNOWN),
        ("train/learning_rate", Goal.UNKNOWN),
        ("perf/tokens_per_second", Goal.UNKNOWN),
        ("gpu/0/error", Goal.UNKNOWN),
        ("lossless", Goal.UNKNOWN),
    ],
)
def test_which_values_are_better_is_a_table_and_no_guess(tag: str, goal: Goal) -> None:
    assert goal_of(tag) is goal


def test_a_run_may_say_itself_what_is_better() -> None:
    config = a_config(guards={"metric": "eval/judge", "metric_goal": "higher"})
    assert goal_of("eval/judge", config) is Goal.HIGHER
    assert goal_of("eval/judge") is Goal.UNKNOWN


def test_the_best_is_the_first_of_equals_and_never_not_finite() -> None:
    one = series({0: NAN, 10: 2.0, 20: 1.0, 30: 1.0, 40: -INF, 50: 3.0})
    assert best_point(one, Goal.LOWER) == Point(20, 1.0)
    assert best_point(one, Goal.HIGHER) == Point(50, 3.0)
    assert best_point(one, Goal.LOWER, last_step=15) == Point(10, 2.0)
    assert best_point(one, Goal.UNKNOWN) is None
    assert best_point(series({1: NAN}), Goal.LOWER) is None


def test_a_last_value_that_is_not_finite_is_told() -> None:
    found = result(series({1: 0.5, 2: NAN}), Goal.LOWER)
    assert found is not None
    assert math.isnan(found.last.value)
    assert not found.last.is_finite
    assert (found.best, found.num_points, found.num_not_finite) == (Point(1, 0.5), 2, 1)
    assert result(series({}), Goal.LOWER) is None


def test_runs_of_different_lengths_are_compared_where_both_have_been() -> None:
    short, long = series({0: 3.0, 200: 2.0, 400: 2.5}), series({0: 3.0, 400: 1.5, 800: 1.0})
    found = together((short, long), Goal.LOWER)
    assert found.step == 400
    assert found.points == (Point(400, 2.5), Point(400, 1.5))
    assert found.best == (Point(200, 2.0), Point(400, 1.5))


def test_without_a_step_in_common_nothing_is_compared() -> None:
    assert together((series({1: 1.0}), series({2: 1.0})), Goal.LOWER).points == (None, None)
    assert last_common_step((series({1: 1.0}), None)) is None
    assert last_common_step((series({1: 1.0}), series({}))) is None
    assert last_common_step(()) is None


def test_speed_is_the_median_and_memory_the_peak_of_any_device() -> None:
    found = curves(
        series({1: 5.0, 2: 100.0, 3: 110.0, 4: NAN}, "perf/tokens_per_second"),
        series({1: 7e9, 2: 8e9}, "gpu/0/memory_bytes"),
        series({1: 9e9, 2: INF}, "gpu/1/memory_bytes"),
        series({1: 99e9}, "system/trainer_memory_bytes"),
    ).series
    assert typical_speed(found) == 100.0
    assert memory_peak(found) == ("gpu/1/memory_bytes", 9e9)
    assert memory_peak({tag: one for tag, one in found.items() if "gpu" not in tag}) == (
        "system/trainer_memory_bytes",
        99e9,
    )
    assert (typical_speed({}), memory_peak({}), energy_joules({})) == (None, None, None)


def test_energy_is_what_was_summed_up_at_the_end() -> None:
    assert energy_joules({"system/energy_joules": series({1: 10.0, 2: 25.0, 3: NAN})}) == 25.0


def test_evaluations_come_first_and_the_machine_is_no_metric() -> None:
    tags = ("train/loss", "eval/accuracy", "perf/seconds_per_step", "train/epoch", "eval/loss", "train/grad_norm")
    found = metric_tags([curves(*(series({1: 1.0}, tag) for tag in tags)), curves()])
    assert found == ("eval/loss", "eval/accuracy", "train/loss", "train/grad_norm")
