"""Runs side by side: names that tell them apart, groups, and what the reading service finds."""

from types import MappingProxyType

import pytest

from backend.domain.comparison import ComparedRun, Comparison, facts, group_names
from backend.domain.curves import Curves
from backend.domain.metric_goals import Goal
from backend.domain.run import Attempt
from backend.domain.seed_groups import SeedGroup
from backend.domain.states import RunState, Wish
from tests.fakes.run_configs import a_config
from tests.fakes.runs import NOON, a_run

NOTHING = Curves(1, MappingProxyType({}), ())


def compared(run_id: str, name: str, config: object = None, **facts: object) -> ComparedRun:
    return ComparedRun(a_run(run_id, name=name, **facts), config, NOTHING)


def test_runs_of_one_name_are_told_apart_by_their_ids() -> None:
    found = Comparison((compared("a", "same"), compared("b", "same"), compared("c", "other")))
    assert found.labels == ("same (a)", "same (b)", "other")


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (("lora seed 1", "lora seed 2"), "lora (2 runs)"),
        (("lora seed 1", "lora seed 12"), "lora (2 runs)"),
        (("lora-1", "lora-2"), "lora (2 runs)"),
        (("lora r8 s1", "lora r8 s2"), "lora r8 (2 runs)"),
        (("abc", "xyz"), "abc and 1 more"),
        (("fast", "faster"), "fast and 1 more"),
        (("9", "99"), "9 and 1 more"),
    ],
)
def test_a_group_is_called_by_what_its_runs_have_in_common(labels: tuple[str, ...], name: str) -> None:
    assert group_names([SeedGroup((0, 1), (1, 2))], labels) == (name,)


def test_groups_never_have_one_name() -> None:
    labels = ("lora 1", "lora 2", "lora 3", "lora 4", "lora")
    groups = [SeedGroup((0, 1), (1, 2)), SeedGroup((2, 3), (1, 2)), SeedGroup((4,), (1,))]
    assert group_names(groups, labels) == ("lora 1 and 1 more", "lora 3 and 1 more", "lora")


def test_groups_name_places_also_where_a_run_cannot_be_read() -> None:
    one, two = (a_config(training={"seed": seed}) for seed in (1, 2))
    found = Comparison((compared("a", "a", one), compared("b", "b"), compared("c", "c", two)))
    assert found.readable == (0, 2)
    assert [group.members for group in found.groups] == [(0, 2)]
    assert [row.key for row in found.diff.differences] == ["training.seed"]


def test_runs_that_disagree_on_what_is_better_are_not_judged() -> None:
    higher = a_config(guards={"metric": "eval/judge", "metric_goal": "higher"})
    lower = a_config(guards={"metric": "eval/judge", "metric_goal": "lower"})
    assert Comparison((compared("a", "a", higher), compared("b", "b", lower))).goal("eval/judge") is Goal.UNKNOWN
    assert Comparison((compared("a", "a", higher),)).goal("eval/judge") is Goal.HIGHER
    assert Comparison((compared("a", "a"),)).goal("eval/loss") is Goal.LOWER


def test_every_group_is_compared_with_the_one_that_was_chosen() -> None:
    runs = tuple(compared(name, name, a_config(method=name)) for name in ("lora", "dora", "vera"))
    assert [bool(verdict) for verdict in Comparison(runs).metric("eval/loss", beside=1).verdicts] == [True, False, True]


def attempt(number: int, start: float, end: float | None) -> Attempt:
    at = NOON.replace(second=0)
    ended = None if end is None else at.replace(second=int(end))
    return Attempt(number, "t", at.replace(second=int(start)), ended_at=ended)


def test_all_attempts_count_and_a_living_one_until_now() -> None:
    lasting = (attempt(1, 0, 10), attempt(2, 20, None))
    running = compared("a", "a", state=RunState.RUNNING, attempts=lasting)
    assert facts(running, NOON.replace(second=25)).duration_seconds == 15
    lost = compared("a", "a", state=RunState.FAILED, wish=Wish.STOP, attempts=lasting)
    assert facts(lost, NOON.replace(second=25)).duration_seconds is None, "nobody saw when it ended"
    assert facts(compared("a", "a"), NOON).duration_seconds is None
