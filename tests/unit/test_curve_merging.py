"""Attempts become one curve."""

import numpy as np
import pytest

from backend.domain.curve_merging import Points, Restart, Stretch, merge, surviving


def _points(*steps: int) -> Points:
    count = len(steps)
    values = np.arange(count, dtype=np.float64)
    return Points(np.arange(count) * 10, np.array(steps, np.int64), values, values + 100)


def _stretch(*steps: int, cut: int | None = None) -> Stretch:
    rising = np.array(steps, np.int64)
    return Stretch(rising, rising * 1.0, rising * 1.0, min(steps, default=None) if cut is None else cut)


@pytest.mark.parametrize(
    ("steps", "restarts", "kept", "cut"),
    [
        ((1, 2, 3), (), [1, 2, 3], 1),
        ((5, 6, 7, 6, 7, 8), (), [5, 6, 7, 8], 5),
        ((5, 5, 5), (), [5], 5),
        ((9, 1), (), [1], 1),
        ((3, 4), (Restart(-1, 1),), [3, 4], 1),
        ((3, 4), (Restart(5, 4),), [3, 4], 3),
        ((3, 4), (Restart(99, 4),), [3], 3),
        ((3, 4, 4), (Restart(15, 3),), [4], 3),
        ((1, 2, 3), (Restart(5, 2), Restart(5, 1), Restart(25, 3)), [2], 1),
        ((), (Restart(0, 7),), [], 7),
        ((), (), [], None),
    ],
)
def test_a_point_survives_if_all_that_is_written_later_has_larger_steps(
    steps: tuple[int, ...], restarts: tuple[Restart, ...], kept: list[int], cut: int | None
) -> None:
    stretch = surviving(_points(*steps), restarts)
    assert stretch.steps.tolist() == kept
    assert stretch.cut == cut


def test_of_a_repeated_step_the_last_value_stays() -> None:
    assert surviving(_points(4, 5, 5, 5), ()).values.tolist() == [0.0, 3.0]


def test_a_later_file_replaces_the_steps_it_writes_again() -> None:
    merged = merge("a", [_stretch(1, 2, 3), _stretch(3, 4), _stretch(4, 5)])
    assert merged.steps.tolist() == [1, 2, 3, 4, 5]


def test_a_later_file_that_holds_only_a_marker_still_voids_points() -> None:
    assert merge("a", [_stretch(1, 2, 3), _stretch(cut=3)]).steps.tolist() == [1, 2]


def test_a_file_that_says_nothing_leaves_the_curve_alone() -> None:
    empty = Stretch(np.empty(0, np.int64), np.empty(0), np.empty(0), None)
    assert merge("a", [_stretch(1, 2), empty]).steps.tolist() == [1, 2]


def test_a_run_that_starts_again_from_zero_forgets_everything_before() -> None:
    assert merge("a", [_stretch(5, 6), _stretch(0, 1)]).steps.tolist() == [0, 1]


def test_the_largest_and_smallest_steps_are_kept() -> None:
    extremes = -(2**63), 2**63 - 1
    assert merge("a", [_stretch(*extremes)]).steps.tolist() == list(extremes)
