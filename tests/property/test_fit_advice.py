"""The fit advisor: what it proposes is valid, keeps the rows of a step, fits by its own forecast, and is no more than needed."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain.adjustments import Adjustment, adjusted
from backend.domain.data_lengths import lengths
from backend.domain.fit_advice import MOST_FORECASTS, advise
from backend.domain.fit_levers import Facts
from backend.domain.fit_proposals import Advice, Goal, Proposal
from backend.domain.memory_levers import Changes, micro_batches, with_micro_batch
from backend.domain.run_config import RunConfig
from tests.fakes.forecasts import ArithmeticForecasts
from tests.fakes.run_configs import RUN_CONFIGS, a_config

ROOMS = st.integers(1_200_000, 80_000_000)
FACTS = st.builds(
    Facts,
    on_gpu=st.booleans(),
    has_bitsandbytes=st.booleans(),
    lengths=st.none()
    | st.lists(st.integers(8, 2000), min_size=1, max_size=40).map(lambda c: lengths(c, max_length=1024, batch_size=4)),
)
ORDERS = st.builds(
    lambda training, method, quantization: a_config(training=training, method=method, quantization=quantization),
    training=st.fixed_dictionaries(
        {
            "batch_size": st.sampled_from([1, 2, 6, 8, 12, 16]),
            "gradient_accumulation": st.sampled_from([1, 2, 3]),
            "gradient_checkpointing": st.booleans(),
            "max_length": st.sampled_from([128, 512, 1024]),
            "optimizer": st.sampled_from(["adamw_torch_fused", "adamw_8bit", "sgd"]),
        }
    ),
    method=st.sampled_from(["lora", "dora", "rslora", "full"]),
    quantization=st.just("none"),
)


def applied(config: RunConfig, changes: Changes) -> RunConfig:
    return adjusted(config, (Adjustment(attempt=1, reason="", changes=changes),))


def kept(config: RunConfig, room: int, facts: Facts) -> tuple[Advice, ArithmeticForecasts]:
    forecasts = ArithmeticForecasts()
    return advise(config, room, forecasts, facts), forecasts


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(config=RUN_CONFIGS, room=ROOMS, facts=FACTS)
def test_every_proposal_is_valid_keeps_the_rows_of_a_step_and_fits_by_its_own_forecast(
    config: RunConfig, room: int, facts: Facts
) -> None:
    advice, forecasts = kept(config, room, facts)
    assert advice.is_over
    assert len(forecasts.asked) == advice.num_forecasts <= MOST_FORECASTS
    for proposal in advice.proposals:
        changed = applied(config, proposal.changes)  # validates
        assert changed != config
        assert changed.effective_batch_size == config.effective_batch_size
        assert proposal.forecast == ArithmeticForecasts()(changed)
        assert proposal.forecast.likely_bytes <= room
        assert proposal.is_certain == (proposal.forecast.high_bytes <= room)
        assert proposal.reason.endswith(".")
        assert proposal.cost.endswith(".")


@given(config=ORDERS, room=ROOMS, facts=FACTS)
def test_the_first_proposal_changes_no_more_than_it_has_to(config: RunConfig, room: int, facts: Facts) -> None:
    advice, _ = kept(config, room, facts)
    if advice.goal is not Goal.FIT or not advice.proposals or not advice.proposals[0].is_certain:
        return
    first = advice.proposals[0]
    if advice.num_forecasts < MOST_FORECASTS:
        for key in keys(first):
            fewer = {name: value for name, value in first.changes.items() if name not in key}
            assert not fits(config, fewer, room), key
        assert not larger_fits(config, first, room)


def keys(proposal: Proposal) -> list[set[str]]:
    """The groups of changes that each go together, but for the last resort, whose parts need one another."""
    together = [{"training.gradient_checkpointing"}, {"training.max_length"}, {"training.optimizer"}]
    if "method" not in proposal.changes:
        together.append({"quantization"})
    return [group for group in together if group <= proposal.changes.keys()]


def fits(config: RunConfig, changes: Changes, room: int) -> bool:
    return ArithmeticForecasts()(applied(config, changes)).high_bytes <= room


def larger_fits(config: RunConfig, proposal: Proposal, room: int) -> bool:
    """Whether the next larger micro-batch would do as well."""
    size = proposal.changes.get("training.batch_size")
    if not isinstance(size, int):
        return False
    larger = [one for one in micro_batches(config, config.training.batch_size) if one > size]
    return bool(larger) and fits(config, proposal.changes | with_micro_batch(config, larger[0]), room)


@given(config=ORDERS, facts=FACTS)
def test_with_room_for_all_of_it_nothing_is_made_smaller(config: RunConfig, facts: Facts) -> None:
    advice, _ = kept(config, 10**15, facts)
    assert advice.goal is Goal.FASTER
    for proposal in advice.proposals:
        assert proposal.forecast.high_bytes >= ArithmeticForecasts()(config).high_bytes


@given(config=ORDERS, room=ROOMS, facts=FACTS, known=st.integers(0, MOST_FORECASTS))
def test_a_search_that_waits_goes_on_where_it_was(config: RunConfig, room: int, facts: Facts, known: int) -> None:
    whole, forecasts = kept(config, room, facts)
    told = dict(list(forecasts.asked.items())[:known])
    part = advise(config, room, lambda order: forecasts(order) if order.model_dump_json() in told else None, facts)
    assert part.is_over == (known >= whole.num_forecasts)
    assert part.proposals == whole.proposals[: len(part.proposals)]
    if part.waits_for is not None:
        assert part.waits_for.model_dump_json() == list(forecasts.asked)[known]
