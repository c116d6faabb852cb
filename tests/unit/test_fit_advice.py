"""The fit advisor in words: which change it takes first, what it says of it, and how few forecasts it needs."""

from typing import Any

import pytest

from backend.domain.data_lengths import lengths
from backend.domain.fit_advice import advise
from backend.domain.fit_levers import Facts, rows_cut
from backend.domain.fit_proposals import Advice, Goal, Unforeseeable
from backend.domain.memory_forecast import MemoryForecast
from backend.domain.run_config import RunConfig
from tests.fakes.forecasts import ArithmeticForecasts
from tests.fakes.run_configs import a_config

CPU = Facts()


def asked(config: RunConfig, room: float, facts: Facts = CPU) -> tuple[Advice, ArithmeticForecasts]:
    forecasts = ArithmeticForecasts()
    return advise(config, round(room), forecasts, facts), forecasts


def high(config: RunConfig) -> int:
    return ArithmeticForecasts()(config).high_bytes


def order(**training: Any) -> RunConfig:
    return a_config(training={"batch_size": 16, "max_length": 512} | training)


def test_the_largest_smaller_micro_batch_that_fits_comes_first_and_learns_the_same() -> None:
    wanted = order(batch_size=8, gradient_accumulation=2)
    advice, forecasts = asked(order(), high(wanted))
    assert advice.goal is Goal.FIT
    first = advice.proposals[0]
    assert first.words == "batch_size 16 -> 8, gradient_accumulation 1 -> 2"
    assert first.reason == ("8 rows at a time keep fewer activations and scores; a step still learns from 16 rows.")
    assert first.cost == "Learns the same; smaller portions use a GPU less well."
    assert first.is_certain
    assert len(forecasts.asked) <= 6


def test_checkpointing_comes_when_single_rows_are_not_enough_with_as_many_rows_as_then_fit() -> None:
    wanted = order(batch_size=2, gradient_accumulation=8, gradient_checkpointing=True)
    assert high(wanted) < high(order(batch_size=1, gradient_accumulation=16))
    advice, forecasts = asked(order(), high(wanted))
    first = advice.proposals[0]
    assert first.words == ("batch_size 16 -> 2, gradient_accumulation 1 -> 8, gradient_checkpointing false -> true")
    assert "a third slower" in first.cost
    assert len(forecasts.asked) <= 8


def test_a_lever_that_takes_more_than_it_must_is_let_go_before_anything_gets_slower() -> None:
    greedy = a_config(training={"batch_size": 1, "max_length": 512}, speed={"logits": "all"})
    advice, _ = asked(greedy, high(greedy) - 1)
    assert advice.proposals[0].words == "logits all -> auto"


def test_a_model_that_does_not_fit_itself_is_quantized_without_trying_smaller_batches_one_by_one() -> None:
    small = a_config(training={"batch_size": 2, "max_length": 64})
    quantized = a_config(training={"batch_size": 2, "max_length": 64}, quantization="int8")
    advice, forecasts = asked(small, high(quantized))
    assert advice.proposals[0].words == "quantization none -> int8"
    assert len(forecasts.asked) <= 6


def test_full_fine_tuning_that_cannot_fit_becomes_lora_with_its_learning_rate() -> None:
    full = a_config(method="full", training={"batch_size": 1, "max_length": 64, "learning_rate": 1e-5})
    advice, _ = asked(full, 8_000_000)
    words = advice.proposals[0].words
    assert "method full -> lora" in words
    assert "learning_rate 1e-05 -> 0.0002" in words


def test_a_shorter_length_says_how_many_rows_lose_their_end() -> None:
    counts = [100] * 95 + [900] * 5
    known = lengths(counts, max_length=1024, batch_size=1)
    assert known is not None
    long = a_config(
        training={"batch_size": 1, "max_length": 1024, "gradient_checkpointing": True}, method={"name": "lora"}
    )
    short = a_config(
        training={"batch_size": 1, "max_length": 128, "gradient_checkpointing": True}, method={"name": "lora"}
    )
    advice, _ = asked(long, high(short), Facts(lengths=known))
    assert advice.proposals[0].words == "max_length 1024 -> 128"
    assert advice.proposals[0].cost == "The ends of at most 5 of 100 rows (5%) are not learned."
    assert rows_cut(known, 128) == 5


def test_no_length_is_proposed_where_none_is_known() -> None:
    long = a_config(training={"batch_size": 1, "max_length": 1024, "gradient_checkpointing": True})
    advice, _ = asked(long, 2_000_000)
    assert all("training.max_length" not in proposal.changes for proposal in advice.proposals)


def test_without_bitsandbytes_nothing_of_it_is_proposed() -> None:
    advice, _ = asked(order(), 2_500_000, Facts(has_bitsandbytes=False))
    assert not advice.proposals
    assert advice.smallest is not None
    assert advice.smallest.high_bytes > 2_500_000


def test_what_fits_well_is_left_alone() -> None:
    config = order()
    advice, forecasts = asked(config, high(config) * 1.2)
    assert advice.goal is Goal.NOTHING
    assert not advice.proposals
    assert len(forecasts.asked) == 1


def test_much_free_memory_undoes_what_made_it_slow() -> None:
    slow = a_config(
        method="qlora",
        training={"batch_size": 1, "gradient_accumulation": 8, "max_length": 64, "gradient_checkpointing": True},
    )
    advice, _ = asked(slow, 10**9, Facts(on_gpu=True))
    assert [proposal.words for proposal in advice.proposals] == [
        "gradient_checkpointing true -> false",
        "method qlora -> lora, quantization nf4 -> none",
        "batch_size 1 -> 8, gradient_accumulation 8 -> 1",
    ]


def test_a_processor_gains_nothing_by_more_rows_at_a_time() -> None:
    advice, _ = asked(a_config(training={"batch_size": 1, "gradient_accumulation": 8, "max_length": 64}), 10**9)
    assert advice.goal is Goal.FASTER
    assert not advice.proposals


def test_only_the_likeliest_value_within_the_room_is_said_to_be_uncertain() -> None:
    config = a_config(training={"batch_size": 2, "max_length": 64})
    smallest = a_config(training={"batch_size": 1, "max_length": 64, "gradient_checkpointing": True})
    room = ArithmeticForecasts()(smallest).likely_bytes
    advice, _ = asked(config, room, Facts(has_bitsandbytes=False))
    assert advice.proposals
    assert not advice.proposals[-1].is_certain


def test_what_is_likely_enough_is_proposed_although_later_levers_cannot_be_forecast() -> None:
    forecasts = ArithmeticForecasts()
    config = a_config(training={"batch_size": 1, "max_length": 512})
    smaller = a_config(training={"batch_size": 1, "max_length": 512, "gradient_checkpointing": True})

    def some(order: RunConfig) -> MemoryForecast:
        if order.quantization.name != "none":
            raise Unforeseeable
        return forecasts(order)

    advice = advise(config, forecasts(smaller).likely_bytes, some, CPU)
    assert advice.proposals[0].words == "gradient_checkpointing false -> true"
    assert not advice.proposals[0].is_certain


def test_an_order_that_can_never_be_forecast_is_passed_over() -> None:
    forecasts = ArithmeticForecasts()

    def some(config: RunConfig) -> MemoryForecast:
        if config.quantization.name == "int8":
            raise Unforeseeable
        return forecasts(config)

    small = a_config(training={"batch_size": 1, "max_length": 64})
    advice = advise(small, 4_000_000, some, CPU)
    assert advice.is_over
    assert advice.proposals[0].changes["quantization"] == {"name": "nf4"}


def test_an_order_without_any_forecast_gets_no_advice() -> None:
    def none(_config: RunConfig) -> MemoryForecast:
        raise Unforeseeable

    advice = advise(order(), 4_000_000, none, CPU)
    assert (advice.goal, advice.proposals, advice.is_over) == (Goal.UNKNOWN, (), True)


@pytest.mark.parametrize("tokens", [64, 4096])
def test_a_budget_of_tokens_shrinks_with_the_rows(tokens: int) -> None:
    config = a_config(training={"batch_size": 4, "max_length": 512}, speed={"micro_batch_tokens": tokens})
    wanted = a_config(training={"batch_size": 2, "gradient_accumulation": 2, "max_length": 512})
    advice, _ = asked(config, high(wanted))
    assert advice.proposals[0].changes["speed.micro_batch_tokens"] == tokens // 2
