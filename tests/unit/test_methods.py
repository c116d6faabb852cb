"""What can be chosen of methods, what contradicts itself, and what fits which layer."""

import pytest
from pydantic import TypeAdapter, ValidationError

from backend.domain.run_config import RunConfig
from backend.methods import Adalora, Freeze, Full, Lora, Method, PeftMethod, Targeted
from backend.methods.doubling import beside_its_start
from backend.spec import Spec, members

METHODS: TypeAdapter[Spec] = TypeAdapter(Method)
SMALL = {"base_model": "demo", "dataset": "rows.jsonl"}


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ({"name": "dora", "use_dora": False}, "use_dora"),
        ({"name": "rslora", "use_rslora": False}, "use_rslora"),
        ({"name": "pissa", "init": "olora"}, "init"),
        ({"name": "lora", "lora_fa": True, "lora_plus_ratio": 4}, "remove lora_plus_ratio"),
        ({"name": "lora", "lora_fa": True, "use_dora": True}, "does not go with DoRA"),
        ({"name": "lora", "lora_fa": True, "init": "mica"}, "choose one"),
        ({"name": "dora", "init": "mica"}, "does not go with DoRA"),
        ({"name": "dora", "alora_invocation": "x"}, "does not go with DoRA"),
        ({"name": "lora", "alora_invocation": "x", "init": "olora"}, "needs init default"),
        ({"name": "lora", "init": "eva", "rank_pattern": {"q_proj": 4}}, "remove rank_pattern"),
        ({"name": "lora", "init": "orthogonal", "rank": 3}, "even rank"),
        ({"name": "pissa", "bias": "all"}, "lora_only"),
        ({"name": "lora", "target_modules": ["q_proj"], "target_pattern": ".*"}, "not both"),
        ({"name": "lora", "target_modules": []}, "at least one module"),
        ({"name": "lora", "layers_to_transform": [-1]}, "counted from 0"),
        ({"name": "lora", "rank_pattern": {"(a+)+$": 4}}, "no name of a layer"),
        ({"name": "lora", "rank_pattern": {"q_proj": 0}}, "above 0"),
        ({"name": "adalora", "first_rank": 4, "rank": 8}, "only taken away"),
        ({"name": "freeze", "last_blocks": 0}, "nothing would be trained"),
        ({"name": "trainable_tokens"}, "at least one token"),
    ],
)
def test_a_contradiction_is_refused_with_its_reason(method: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        METHODS.validate_python(method)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"method": "qlora", "quantization": "int8"}, '"nf4" or "fp4"'),
        ({"method": "pissa", "quantization": "nf4"}, "needs the full weights"),
        ({"method": "full", "quantization": "int8"}, "needs the full weights"),
        ({"method": {"name": "lora", "use_dora": True}, "quantization": "int8"}, "magnitudes on int8"),
        ({"method": "loha", "quantization": "nf4"}, '"none" or int8'),
        ({"method": {"name": "lora", "init": "corda"}, "quantization": "nf4"}, "needs the full weights"),
        ({"method": {"name": "lora", "init": "loftq"}}, 'set quantization to "nf4"'),
        ({"method": {"name": "lora", "lora_fa": True}, "training": {"optimizer": "sgd"}}, "adamw_torch"),
        ({"method": "full", "training": {"precision": "float16"}}, "too coarse"),
        ({"method": "xlora"}, "cannot be used"),
    ],
)
def test_an_order_that_cannot_work_is_refused_before_anything_starts(order: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        RunConfig.model_validate(SMALL | order)


@pytest.mark.parametrize("quantization", ["nf4", "fp4"])
def test_qlora_takes_either_format_of_four_bits(quantization: str) -> None:
    config = RunConfig.model_validate(SMALL | {"method": "qlora", "quantization": quantization})
    assert config.quantization.name == quantization


@pytest.mark.parametrize("spec", members(Method), ids=lambda spec: spec.spec_name())
def test_every_method_says_what_it_is_and_explains_each_knob(spec: type[Spec]) -> None:
    assert spec.card.title
    assert spec.card.summary.endswith(".")
    assert spec.card.use_when
    assert [knob.name for knob in spec.parameters() if not knob.help] == []
    assert spec.card.paper == "" or "https://" in spec.card.paper


@pytest.mark.parametrize(
    ("method", "outputs", "inputs", "why"),
    [
        ({"name": "lora", "rank": 64}, 32, 128, "larger than 32"),
        ({"name": "lora", "rank": 32}, 32, 128, ""),
        ({"name": "adalora", "first_rank": 64, "rank": 8}, 32, 128, "larger than 32"),
        ({"name": "oft", "block_size": 24}, 32, 64, "does not divide"),
        ({"name": "c3a", "block_size": 24}, 48, 64, "does not divide"),
        ({"name": "vblora", "vector_length": 16}, 48, 64, ""),
        ({"name": "fourierft", "frequencies": 5000}, 48, 64, "more than"),
        ({"name": "vera", "rank": 256}, 32, 32, ""),
    ],
)
def test_a_method_knows_which_layers_it_fits(method: dict[str, object], outputs: int, inputs: int, why: str) -> None:
    found = METHODS.validate_python(method)
    assert isinstance(found, PeftMethod)
    told = found.misfit(outputs, inputs)
    assert why in told
    assert bool(told) == bool(why)


def test_methods_that_go_on_layers_draw_lists_and_maps() -> None:
    kinds = {knob.name: knob.kind for knob in Lora.parameters()}
    assert (kinds["target_modules"], kinds["layers_to_transform"]) == ("list", "list")
    assert (kinds["rank_pattern"], kinds["lora_plus_ratio"], kinds["use_dora"]) == ("map", "float", "bool")
    assert issubclass(Lora, Targeted)


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 1000])
def test_adalora_always_has_steps_in_which_it_changes_ranks(steps: int) -> None:
    before, after = Adalora().phases(steps)
    assert 0 <= before < steps - after or steps == 1
    assert after < steps


def test_freezing_trains_what_was_chosen_and_full_everything() -> None:
    names = ["model.embed_tokens.weight", "model.layers.0.mlp.w", "model.layers.3.mlp.w", "model.norm.w", "lm_head.w"]

    def trained(method: Freeze | Full) -> list[str]:
        return [name for name in names if method.is_trained(name, 4)]

    assert trained(Freeze(last_blocks=1)) == names[2:3]
    assert trained(Freeze(first_blocks=1, last_blocks=0, head=True)) == [names[1], names[4]]
    assert trained(Freeze(last_blocks=1, embeddings=True, norm=True)) == [names[0], names[2], names[3]]
    assert trained(Full()) == names


@pytest.mark.parametrize("is_rank_stabilized", [False, True])
def test_an_adapter_beside_its_start_keeps_its_scale(is_rank_stabilized: bool) -> None:
    config = {"r": 4, "lora_alpha": 16, "use_rslora": is_rank_stabilized, "rank_pattern": {"q": 2}, "alpha_pattern": {}}

    grown = beside_its_start(config)

    power = 0.5 if is_rank_stabilized else 1
    assert grown["lora_alpha"] / grown["r"] ** power == pytest.approx(16 / 4**power)
    assert (grown["r"], grown["rank_pattern"], grown["init_lora_weights"]) == (8, {"q": 4}, True)
