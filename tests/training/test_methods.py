"""Every method is really applied, and its result means the same to plain peft."""

from typing import Any

import pytest

from tests.training.runs import MakeRun, Room, attempt_here, curves

pytestmark = pytest.mark.training

ARCHITECTURES = ("llama", "gemma3")
METHODS = ("lora", "qlora", "dora", "pissa", "rslora")
PRECISE = 2e-4  # float32: another order of the same sums


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_saves_reloads_and_merges(method: str, architecture: str, make_run: MakeRun) -> None:
    run = make_run(model=architecture, method={"name": method, "rank": 4}, training={"max_steps": 20})

    trained = attempt_here(run)

    losses = [value for _, value in curves(run)["eval/loss"]]
    assert losses[-1] < losses[0] - 0.3
    reloaded = load_plainly(run.adapter, base(make_run.room, architecture, quantized=method == "qlora"))
    assert difference(trained, reloaded) < PRECISE
    untouched = base(make_run.room, architecture, quantized=method == "qlora")
    assert difference(untouched, reloaded) > 100 * PRECISE
    if method != "qlora":
        assert difference(trained, reloaded.merge_and_unload()) < PRECISE


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_qlora_merges_exactly_into_the_full_base_and_coarsely_into_four_bits(
    architecture: str, make_run: MakeRun
) -> None:
    """Merging into 4 bits rounds the sum to 4 bits again, which costs about what quantizing the base cost."""
    run = make_run(model=architecture, method={"name": "qlora", "rank": 4})
    attempt_here(run)
    full, quantized = base(make_run.room, architecture), base(make_run.room, architecture, quantized=True)
    cost_of_four_bits = difference(full, quantized, mean=True)

    on_quantized = load_plainly(run.adapter, quantized)
    before = logits(on_quantized)
    assert float((before - logits(on_quantized.merge_and_unload())).abs().mean()) < 1.5 * cost_of_four_bits

    on_full = load_plainly(run.adapter, full)
    before = logits(on_full)
    assert float((before - logits(on_full.merge_and_unload())).abs().max()) < PRECISE


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ({"name": "lora"}, {"r": 8, "use_dora": False, "use_rslora": False}),
        ({"name": "dora"}, {"use_dora": True}),
        ({"name": "rslora"}, {"use_rslora": True}),
        ({"name": "pissa", "rank": 4, "alpha": 6}, {"r": 8, "lora_alpha": 12.0, "init_lora_weights": True}),
        (
            {"name": "lora", "target_modules": ["q_proj", "down_proj"]},
            {"target_modules": ["down_proj", "q_proj"]},
        ),
    ],
)
def test_the_result_says_what_was_applied(method: dict[str, Any], expected: dict[str, Any], make_run: MakeRun) -> None:
    from peft import PeftConfig

    run = make_run(method=method, training={"max_steps": 1})

    attempt_here(run)

    config = PeftConfig.from_pretrained(str(run.adapter)).to_dict()
    found = {name: config[name] for name in expected}
    found |= {"target_modules": sorted(config["target_modules"])} if "target_modules" in expected else {}
    assert found == expected


def test_qlora_keeps_its_base_in_four_bits(make_run: MakeRun) -> None:
    from bitsandbytes.nn import Linear4bit

    model = attempt_here(make_run(method="qlora", training={"max_steps": 1}))

    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    assert layers
    assert {layer.weight.quant_type for layer in layers} == {"nf4"}


def test_pissa_starts_from_the_principal_components(make_run: MakeRun) -> None:
    """The adapter before the first step is the best approximation of rank r of the weight (Eckart and Young)."""
    import torch
    from safetensors.torch import load_file

    run = make_run(method={"name": "pissa", "rank": 4, "svd_iterations": 0}, training={"max_steps": 1, "save_steps": 1})
    attempt_here(run)
    start = load_file(run.checkpoints / "checkpoint-1" / "start.safetensors")
    layer = "model.layers.0.mlp.up_proj"
    down, up = (start[f"base_model.model.{layer}.lora_{side}.weight"] for side in "AB")
    weight = base(make_run.room, "llama").get_submodule(layer).weight.detach()

    residual = weight - 16 / 4 * up @ down

    values = torch.linalg.svdvals(weight)
    torch.testing.assert_close(torch.linalg.matrix_norm(residual, 2), values[4], rtol=1e-4, atol=1e-5)


def test_trained_biases_survive_the_conversion_of_pissa(make_run: MakeRun, tmp_path: Any) -> None:
    from tests.fakes.tiny_models import tiny_model

    folder = tiny_model(tmp_path / "biased", "llama", ["What is 1 plus 2?"], attention_bias=True)
    method = {"name": "pissa", "rank": 4, "bias": "lora_only"}
    run = make_run(base_model=str(folder), method=method)

    trained = attempt_here(run)

    from transformers import AutoModelForCausalLM

    fresh = AutoModelForCausalLM.from_pretrained(folder)
    assert difference(trained, load_plainly(run.adapter, fresh)) < PRECISE


def base(room: Room, architecture: str, *, quantized: bool = False) -> Any:
    """A fresh base model, as anybody would load it."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    options: dict[str, Any] = {}
    if quantized:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        )
    return AutoModelForCausalLM.from_pretrained(room.models[architecture], **options).eval()


def load_plainly(folder: Any, model: Any) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(folder)).eval()


def difference(one: Any, other: Any, *, mean: bool = False) -> float:
    """The largest (or mean) difference between two models' logits on some tokens."""
    distance = (logits(one) - logits(other)).abs()
    return float(distance.mean() if mean else distance.max())


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model.eval()(torch.arange(5, 45).reshape(2, 20)).logits
