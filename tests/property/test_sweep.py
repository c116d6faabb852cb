"""Sweeps expand to exactly what was asked for, whatever is swept."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.sweep import MOST_NAME, MOST_RUNS, Axis, SweepKind, combinations, misfit, names, num_runs, told

KEYS = st.sampled_from(["training.seed", "training.learning_rate", "method.rank", "name", "samples.prompts"])
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just(["a"])
AXES = st.lists(st.builds(Axis, KEYS, st.lists(VALUES, min_size=1, max_size=4).map(tuple)), max_size=4)
KINDS = st.sampled_from(list(SweepKind))
ORDERS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"method": "lora"}, {"method": {"name": "dora", "rank": 2}, "training": {"seed": 1}}, {"samples": {}}]
)


@given(AXES, KINDS)
def test_every_run_has_every_setting_and_all_combinations_are_there(axes: list[Axis], kind: SweepKind) -> None:
    if misfit(axes, kind):
        with pytest.raises(ValueError, match=r"\."):
            combinations(axes, kind)
        return
    found = combinations(axes, kind)
    assert len(found) == num_runs(axes, kind) <= MOST_RUNS
    lengths = [len(axis.values) for axis in axes]
    assert len(found) == (math.prod(lengths) if kind is SweepKind.GRID else lengths[0])
    for axis in axes:
        column = [run[axis.key] for run in found]
        share = len(found) // len(axis.values)
        assert sorted(map(repr, column)) == sorted(map(repr, axis.values * share))


@given(ORDERS, AXES)
def test_settings_hold_in_a_copy_and_the_order_stays(order: dict[str, Any], axes: list[Axis]) -> None:
    settings = {axis.key: axis.values[0] for axis in axes}
    before = repr(order)
    changed = told(order, settings)
    assert repr(order) == before
    for key, value in settings.items():
        place: Any = changed
        for part in key.split("."):
            place = place[part]
        assert place == value
    if order.get("method") == "lora" and "method.rank" in settings:
        assert changed["method"]["name"] == "lora"


@given(st.text(max_size=30), st.text(max_size=300), st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=8))
def test_names_are_short_and_none_is_given_twice_by_the_pattern(
    pattern: str, name: str, settings: list[dict[str, Any]]
) -> None:
    made = names(pattern, name, settings)
    assert len(made) == len(settings)
    assert all(len(one) <= MOST_NAME for one in made)


def test_a_pattern_is_filled_in() -> None:
    settings = [{"training.seed": 1, "method.rank": 8}, {"training.seed": 2, "method.rank": 8}]
    assert names("{name}-{number} r{method.rank}", "try", settings) == ("try-1 r8", "try-2 r8")
    assert names("same", "try", settings) == ("same (1)", "same (2)")
    assert names("{name} {settings}", "try", settings)[1] == "try seed=2, rank=8"


@pytest.mark.parametrize(
    ("axes", "kind", "why"),
    [
        ((), SweepKind.GRID, "No setting"),
        ((Axis("a", ()),), SweepKind.GRID, "no values"),
        ((Axis("a", (1,)), Axis("a", (2,))), SweepKind.GRID, "twice"),
        ((Axis("a", (1,)), Axis("b", (2, 3))), SweepKind.LIST, "as many values"),
        (tuple(Axis(str(i), tuple(range(10))) for i in range(9)), SweepKind.GRID, "1,000,000,000 runs"),
    ],
)
def test_what_makes_no_sweep_is_said(axes: tuple[Axis, ...], kind: SweepKind, why: str) -> None:
    assert why in misfit(axes, kind)


def test_a_key_below_a_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="no keys below"):
        told({"name": "x"}, {"name.first": 1})
