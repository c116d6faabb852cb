"""What the guards' detectors find in sequences of losses, norms and evaluations."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.detectors import Best, DeadRate, Divergence, Explosion, Finding, Overfitting

FINITE = st.floats(-1e6, 1e6)
FALLING = [4.0 * 0.9**step for step in range(40)]


def divergences(losses: list[float], factor: float = 2.0, patience: int = 5) -> list[Finding]:
    detector, found = Divergence(factor, patience), []
    for step, loss in enumerate(losses, 1):
        detector, finding = detector.seen(step, loss)
        found += [finding] if finding else []
    return found


def explosions(norms: list[float], factor: float = 10.0) -> list[int]:
    detector, found = Explosion(factor), []
    for step, norm in enumerate(norms, 1):
        detector, finding = detector.seen(step, norm)
        found += [finding.step] if finding else []
    return found


def overfits(points: list[tuple[float, float]], patience: int = 2) -> list[Finding]:
    """Each point: the training loss since the last evaluation, and the evaluation loss."""
    detector, found = Overfitting(patience), []
    for number, (train, evaluation) in enumerate(points, 1):
        detector, finding = detector.trained(train).seen(number * 10, evaluation)
        found += [finding] if finding else []
    return found


def dead(losses: list[float], updates: list[float | None], window: int = 4) -> list[int]:
    detector, found = DeadRate(window), []
    for step, (loss, update) in enumerate(zip(losses, updates, strict=True), 1):
        detector, finding = detector.seen(step, loss, update)
        found += [step] if finding else []
    return found


def test_a_falling_loss_does_not_diverge() -> None:
    assert divergences(FALLING) == []


def test_one_bad_batch_is_no_divergence() -> None:
    assert divergences([*FALLING, 3.0, *[FALLING[-1]] * 40]) == []


def test_a_loss_that_stays_high_diverges_once_and_names_its_best_step() -> None:
    (finding,) = divergences([*FALLING, *[9.0] * 40])
    assert finding.guard == "divergence"
    assert 45 <= finding.step <= 47
    assert finding.good_step == 40
    assert "after 5 steps above" in finding.text


def test_a_second_episode_is_told_again() -> None:
    assert len(divergences([*FALLING, *[9.0] * 20, *[0.05] * 80, *[9.0] * 20])) == 2


@pytest.mark.parametrize("losses", [[0.0] * 50, [-1.0, 0.02, -0.5] * 20, [1e-5, 3e-5] * 30])
def test_losses_near_zero_and_below_do_not_diverge_by_noise(losses: list[float]) -> None:
    assert divergences(losses, factor=2.0) == []


@given(st.lists(st.floats(0.5, 0.99), min_size=1, max_size=100))
def test_a_loss_between_its_best_and_twice_of_it_never_diverges(losses: list[float]) -> None:
    assert divergences(losses) == []


@given(st.lists(FINITE, max_size=60), st.integers(1, 5))
def test_a_divergence_needs_as_many_steps_as_its_patience(losses: list[float], patience: int) -> None:
    for finding in divergences(losses, patience=patience):
        assert finding.good_step <= finding.step - patience
        assert finding.step >= patience + 1


def test_a_gradient_far_above_the_median_explodes_once_per_episode() -> None:
    calm = [1.0, 1.1, 0.9] * 10
    assert explosions([*calm, 25.0, 26.0, *calm, 25.0]) == [31, 63]
    assert explosions([*calm, 9.0]) == []


def test_the_first_steps_and_dead_gradients_explode_nothing() -> None:
    assert explosions([1e-3, 5.0, 5.0]) == []
    assert explosions([0.0] * 30 + [1.0]) == []


@given(st.lists(st.floats(0, 1e6), max_size=200))
def test_a_detector_of_explosions_remembers_a_bounded_number(norms: list[float]) -> None:
    detector = Explosion(10.0)
    for step, norm in enumerate(norms):
        detector, _ = detector.seen(step, norm)
    assert len(detector.norms) <= 64


def test_rising_evaluations_with_a_falling_loss_are_overfitting() -> None:
    (finding,) = overfits([(3.0, 3.0), (2.0, 2.5), (1.5, 2.6), (1.0, 2.8), (0.8, 2.9)])
    assert (finding.step, finding.good_step) == (40, 20)
    assert "rose 2 times in a row, to 2.8" in finding.text


@pytest.mark.parametrize(
    "points",
    [
        [(3.0, 3.0), (2.0, 2.5), (1.5, 2.6), (1.0, 2.5), (0.8, 2.6)],  # not in a row
        [(3.0, 3.0), (2.0, 2.5), (2.5, 2.6), (3.0, 2.8), (3.5, 2.9)],  # the training loss rises too
        [(3.0, 3.0), (2.0, 2.0), (1.0, 1.0)],
        [],
    ],
)
def test_other_evaluations_are_no_overfitting(points: list[tuple[float, float]]) -> None:
    assert overfits(points) == []


def test_updates_that_vanish_while_the_loss_stands_are_a_dead_rate() -> None:
    assert dead([2.0] * 8, [None, 1e-9] * 4) == [4, 8]


@pytest.mark.parametrize(
    ("losses", "updates"),
    [
        ([2.0] * 8, [None, 1e-3] * 4),
        ([2.0] * 8, [None] * 8),
        ([2.0] * 3, [1e-9] * 3),
    ],
)
def test_real_updates_and_unmeasured_ones_are_no_dead_rate(losses: list[float], updates: list[float | None]) -> None:
    assert dead(losses, updates) == []


def test_a_loss_that_falls_is_no_dead_rate_whatever_was_measured() -> None:
    assert dead([2.0] * 4 + [1.0] * 4, [1e-3] * 4 + [1e-9] * 4) == []


def test_the_best_evaluation_is_remembered_and_those_since_are_counted() -> None:
    best = Best()
    for step, value in ((5, 3.0), (10, 2.0), (15, 2.5), (20, float("nan")), (25, 2.0)):
        best = best.seen(step, value)
    assert (best.step, best.value, best.num_since) == (10, 2.0, 3)


def test_a_gain_below_the_delta_is_better_but_does_not_count() -> None:
    best = Best(min_delta=0.5).seen(5, 3.0).seen(10, 2.8).seen(15, 2.6)
    assert (best.step, best.num_since) == (15, 2)
    assert best.seen(20, 2.4).num_since == 0


def test_where_higher_is_better_the_highest_is_the_best() -> None:
    assert Best(is_lower_better=False).seen(5, 0.1).seen(10, 0.9).seen(15, 0.5).step == 10


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=1, max_size=30))
def test_the_best_is_the_lowest_number(values: list[float]) -> None:
    best = Best()
    for step, value in enumerate(values, 1):
        best = best.seen(step, value)
    numbers = [value for value in values if value == value]  # noqa: PLR0124 - NaN
    assert best.value == (min(numbers) if numbers else None)
    assert json.loads(json.dumps(best.step)) == best.step
