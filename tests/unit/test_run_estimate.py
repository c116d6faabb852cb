"""Time and energy of a run: only from what earlier runs took, and it says from which."""

import pytest

from backend.domain.data_lengths import lengths
from backend.domain.measured_time import MeasuredTime
from backend.domain.run_estimate import Past, estimate
from backend.services.run_estimates import mean_tokens
from tests.fakes.run_configs import a_config

PAST = Past(a_config(), MeasuredTime("earlier", num_steps=100, seconds=50.0), num_tokens=40_000, joules=1_000.0)


def test_a_run_of_the_same_shape_tells_time_epoch_and_energy_by_its_steps() -> None:
    found = estimate(a_config(training={"seed": 7}), PAST, 200, epochs=4.0)
    assert found is not None
    assert (found.seconds, found.epoch_seconds, found.joules, found.is_alike) == (100.0, 25.0, 2_000.0, True)
    assert "earlier, of the same shape" in found.source


def test_another_shape_on_the_same_rows_is_told_by_tokens_a_second() -> None:
    found = estimate(a_config(training={"batch_size": 8}), PAST, 100, epochs=None)
    assert found is not None
    assert found.seconds == pytest.approx(100.0)  # 800 rows of 100 tokens at 800 tokens a second
    assert not found.is_alike
    assert "rough estimate" in found.source


def test_other_rows_need_their_lengths_to_be_known() -> None:
    other = a_config(dataset="other.jsonl")
    assert estimate(other, PAST, 100, epochs=None) is None
    found = estimate(other, PAST, 100, epochs=None, mean_tokens=50)
    assert found is not None
    assert found.seconds == pytest.approx(25.0)


@pytest.mark.parametrize("changes", [{"quantization": "int8"}, {"training": {"gradient_checkpointing": True}}])
def test_what_computes_otherwise_tells_nothing(changes: dict[str, object]) -> None:
    assert estimate(a_config(**changes), PAST, 100, epochs=None) is None


def test_no_energy_is_told_where_none_was_measured() -> None:
    found = estimate(a_config(), Past(a_config(), PAST.time), 100, epochs=1.0)
    assert found is not None
    assert found.joules is None


def test_a_mean_row_is_in_the_middle_of_the_bins() -> None:
    known = lengths([10] * 50, max_length=64, batch_size=4)
    assert known is not None
    assert mean_tokens(known) == 10
