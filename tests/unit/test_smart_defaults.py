"""Suggested settings: each with the numbers that led to it, all together a valid order."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.domain.adjustments import Adjustment, adjusted
from backend.domain.data_lengths import lengths
from backend.domain.machine import Gpu
from backend.domain.run_config import RunConfig
from backend.domain.smart_defaults import Known, Suggestion, suggest
from backend.methods import Method
from backend.recipes import Recipe
from backend.spec import members
from config.catalog import profiles
from config.defaults import defaults
from tests.fakes.run_configs import RUN_CONFIGS, a_config

OLD = Gpu(0, "Old GPU", "GPU-1", memory_total_bytes=16_000_000_000, compute_capability=(7, 5))
NEW = Gpu(0, "New GPU", "GPU-2", memory_total_bytes=80_000_000_000, compute_capability=(9, 0))
SHORT = lengths([60] * 99 + [900], max_length=1024, batch_size=4)


def told(config: RunConfig, known: Known) -> dict[str, Suggestion]:
    return {key: one for one in suggest(config, known, defaults()) for key in one.changes}


def value(config: RunConfig, known: Known, key: str) -> object:
    return told(config, known)[key].changes[key]


def test_every_method_has_a_learning_rate_with_its_source_and_every_factor_is_of_a_recipe() -> None:
    table = defaults()
    assert {spec.spec_name() for spec in members(Method, with_more=False)} == set(table.rates)
    assert all(rate.reason.endswith(".") and 0 < rate.value <= 1 for rate in table.rates.values())
    assert set(table.factors) <= {spec.spec_name() for spec in members(Recipe, with_more=False)}


def test_the_use_cases_are_complete_valid_and_each_value_has_its_reason() -> None:
    wanted = {"method.name", "method.rank", "method.alpha", "training.learning_rate", "training.epochs"}
    assert set(profiles()) == {"chat", "code", "summarisation", "question-answering", "creative", "domain"}
    for profile in profiles().values():
        assert wanted | {"training.max_length"} <= set(profile.values), profile.name
        assert "recipe.answers_only" not in profile.values or profile.values["recipe.name"] == "sft"
        assert all(reason.endswith(".") for reason in profile.reasons.values())
        of_method = a_config(method=profile.values["method.name"])
        adjusted(of_method, (Adjustment(attempt=1, reason="", changes=dict(profile.values)),))
        rank, alpha = profile.values["method.rank"], profile.values["method.alpha"]
        assert alpha == (4 * rank**0.5 if profile.values["method.name"] == "rslora" else 2 * rank), profile.name


@pytest.mark.parametrize(
    ("gpu", "precision", "words"),
    [(None, "auto", "float32"), (OLD, "float16", "7.5"), (NEW, "auto", "9.0, so auto computes in bfloat16")],
)
def test_the_precision_is_that_of_the_hardware(gpu: Gpu | None, precision: str, words: str) -> None:
    found = told(a_config(), Known(gpu=gpu))["training.precision"]
    assert found.changes == {"training.precision": precision}
    assert words in found.reason


def test_the_smallest_usual_length_that_keeps_99_of_100_rows_whole_says_how_many_are_cut() -> None:
    found = told(a_config(), Known(lengths=SHORT))["training.max_length"]
    assert found.changes == {"training.max_length": 128}
    assert "at most 1 of them are cut" in found.reason
    assert value(a_config(), Known(lengths=SHORT, context_length=100), "training.max_length") == 100


def test_the_more_rows_the_larger_the_adapter_and_the_fewer_the_passes() -> None:
    ranks = [value(a_config(), Known(num_rows=rows), "method.rank") for rows in (100, 5_000, 50_000, 500_000)]
    epochs = [value(a_config(), Known(num_rows=rows), "training.epochs") for rows in (100, 5_000, 50_000, 500_000)]
    assert ranks == [8, 16, 32, 64]
    assert epochs == [5.0, 3.0, 2.0, 1.0]
    assert "5,000 rows" in told(a_config(), Known(num_rows=5_000))["method.rank"].reason


def test_a_model_that_fills_the_device_is_quantized_and_one_that_does_not_is_left_whole() -> None:
    large = Known(num_parameters=30_000_000_000, gpu=NEW, memory_bytes=80_000_000_000)
    found = told(a_config(), large)["quantization"]
    assert found.changes == {"quantization": {"name": "nf4"}}
    assert found.reason.startswith("30.0 B parameters in bfloat16 take 60.0 GB of 80.0 GB")
    assert value(a_config(), large, "training.learning_rate") == 0.0001
    small = Known(num_parameters=1_000_000_000, gpu=NEW, memory_bytes=80_000_000_000)
    assert not told(a_config(), small)["quantization"].is_change


def test_the_rates_of_methods_and_recipes_come_together() -> None:
    assert value(a_config(method="full"), Known(), "training.learning_rate") == 0.00001
    assert value(a_config(recipe="dpo"), Known(), "training.learning_rate") == pytest.approx(0.00001)
    assert "twentieth" in told(a_config(recipe="dpo"), Known())["training.learning_rate"].reason


def test_a_use_case_decides_what_the_task_needs_and_the_rows_decide_the_length() -> None:
    known = Known(num_rows=100, lengths=SHORT, profile=profiles()["code"])
    found = told(a_config(), known)
    assert found["method.rank"].changes == {"method.rank": 32, "method.alpha": 64.0}
    assert "use case Code" in found["method.rank"].reason
    assert found["training.epochs"].changes == {"training.epochs": 2.0}
    assert found["training.max_length"].changes == {"training.max_length": 128}
    other = value(a_config(method="full"), known, "training.learning_rate")
    assert other == 0.00001  # the use case speaks of LoRA


def test_rows_of_a_micro_batch_follow_the_device() -> None:
    on_cpu = told(a_config(training={"max_length": 512}), Known(num_rows=5_000))["training.batch_size"]
    assert on_cpu.changes == {"training.batch_size": 2, "training.gradient_accumulation": 8}
    known = Known(num_rows=5_000, gpu=NEW, memory_bytes=80_000_000_000)
    on_gpu = told(a_config(training={"max_length": 512}), known)["training.batch_size"]
    assert on_gpu.changes == {"training.batch_size": 16, "training.gradient_accumulation": 1}


KNOWN = st.builds(
    Known,
    num_rows=st.none() | st.integers(1, 10**7),
    lengths=st.none() | st.just(SHORT),
    num_parameters=st.none() | st.integers(10**5, 10**12),
    context_length=st.none() | st.integers(16, 10**6),
    gpu=st.sampled_from([None, OLD, NEW]),
    memory_bytes=st.none() | st.integers(10**9, 10**12),
    has_bitsandbytes=st.booleans(),
    profile=st.none() | st.sampled_from(list(profiles().values())),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(config=RUN_CONFIGS, known=KNOWN)
def test_each_alone_and_all_together_make_a_valid_order_and_then_nothing_is_left(
    config: RunConfig, known: Known
) -> None:
    found = suggest(config, known, defaults())
    for one in found:
        adjusted(config, (Adjustment(attempt=1, reason="", changes=one.changes),))
        assert one.reason.endswith((".", ")"))
    changes = {key: value for one in found for key, value in one.changes.items()}
    after = adjusted(config, (Adjustment(attempt=1, reason="", changes=changes),))
    again = suggest(after, known, defaults())
    assert {key: value for one in again if one.is_change for key, value in one.changes.items()} == {}
