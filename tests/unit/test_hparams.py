"""The hparams table: what differs, beside what came out."""

from backend.domain.hparams import hparams_table, words
from backend.domain.run_results import Point
from tests.fakes.run_configs import a_config


def test_a_row_for_each_run_and_a_column_for_what_differs() -> None:
    rates = (1e-5, 1e-4, 1e-3)
    configs = [a_config(training={"learning_rate": rate}) for rate in rates]
    losses = [Point(10, 1.0), None, Point(10, float("nan"))]
    table = hparams_table(configs, {"eval/loss": losses})
    rate, loss = table.columns
    assert (rate.name, rate.cells, rate.is_number, rate.is_log, rate.is_metric) == (
        "training.learning_rate",
        rates,
        True,
        True,
        False,
    )
    assert (loss.name, loss.cells, loss.is_metric, loss.is_log) == ("eval/loss", (1.0, None, None), True, False)
    assert table.num_equal > 50


def test_a_run_without_a_readable_configuration_keeps_its_row() -> None:
    table = hparams_table([a_config(), None, a_config(method={"name": "lora", "rank": 64})], {})
    assert table.unreadable == (1,)
    assert [column.cells for column in table.columns] == [(8.0, None, 64.0)]


def test_knobs_at_their_defaults_that_another_method_lacks_are_left_out() -> None:
    table = hparams_table([a_config(), a_config(method="vera")], {})
    assert [column.name for column in table.columns] == ["method.name", "method.rank"]
    assert table.columns[0].cells == ("lora", "vera")
    assert not table.columns[0].is_number


def test_numbers_among_words_are_words() -> None:
    (steps,) = hparams_table([a_config(), a_config(training={"eval_steps": 50})], {}).columns
    assert steps.cells == ("none", "50")


def test_settings_are_told_as_in_run_yaml() -> None:
    assert [words(value) for value in ("a", None, True, ["x"], 2e-4)] == ["a", "none", "true", '["x"]', "0.0002"]
