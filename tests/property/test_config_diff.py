"""Differences of configurations: symmetric, empty for equal ones, enough to make one of the other."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.config_diff import NotAKnob, applied, are_same, changes, compare_configs, flattened, not_default
from backend.domain.run_config import RunConfig
from tests.fakes.run_configs import RUN_CONFIGS


@given(RUN_CONFIGS, RUN_CONFIGS)
def test_a_diff_is_the_same_from_both_sides(one: RunConfig, other: RunConfig) -> None:
    there, back = compare_configs((one, other)), compare_configs((other, one))
    assert [(row.key, row.values[::-1]) for row in back.differences] == [
        (row.key, row.values) for row in there.differences
    ]
    assert there.num_equal == back.num_equal


@given(RUN_CONFIGS, st.integers(0, 4), st.text(max_size=5))
def test_equal_configurations_differ_in_nothing_whatever_they_are_called(
    config: RunConfig, times: int, name: str
) -> None:
    copies = [config, *[config.model_copy(update={"name": name})] * times]
    diff = compare_configs(copies)
    assert (diff.differences, diff.num_equal) == ((), len(flattened(config)))


@given(RUN_CONFIGS, RUN_CONFIGS)
def test_the_changes_make_the_one_of_the_other(one: RunConfig, other: RunConfig) -> None:
    made = applied(one, changes(one, other))
    assert flattened(made) == flattened(other)
    assert made.name == one.name


@given(RUN_CONFIGS)
def test_what_is_not_default_says_it_all_and_nothing_twice(config: RunConfig) -> None:
    short = not_default(config)
    read = RunConfig.model_validate(short)
    assert flattened(read) == flattened(config)
    assert not_default(read) == short
    assert "name" not in short


@given(st.lists(RUN_CONFIGS, min_size=2, max_size=5))
def test_many_are_compared_as_each_pair_is(configs: list[RunConfig]) -> None:
    diff = compare_configs(configs)
    in_pairs = {row.key for config in configs for row in compare_configs((configs[0], config)).differences}
    assert {row.key for row in diff.differences} == in_pairs
    for row in diff.differences:
        for config, value in zip(configs, row.values, strict=True):
            told = flattened(config)
            assert (row.key not in told) if isinstance(value, NotAKnob) else told[row.key] == value
    assert are_same(configs[0], configs[-1], but=frozenset(in_pairs))
