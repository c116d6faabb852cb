"""Every method is really applied, and its result means the same to plain peft."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.domain.chat import ChatRequest
from backend.domain.run_directory import RunDirectory
from backend.methods import Method, WholeMethod
from backend.spec import members
from tests.training.method_table import ARCHITECTURES, COLUMNS, FILE, Bench, measured, method_names, tiny
from tests.training.runs import MakeRun, Room, attempt_here, curves

pytestmark = pytest.mark.training

PRECISE = 2e-4  # float32: another order of the same sums
CARDS = {spec.spec_name(): spec.card for spec in members(Method)}
OFFERED = [name for name in method_names() if not CARDS[name].unavailable]
STARTS = ("gaussian", "orthogonal", "pissa", "olora", "mica", "corda", "lora_ga", "eva")
MODIFIED: dict[str, dict[str, Any]] = {
    "LoRA+": {"name": "lora", "lora_plus_ratio": 4},
    "LoRA-FA with tokens": {"name": "lora", "lora_fa": True, "trainable_tokens": ["?"]},
    "tokens beside PiSSA": {"name": "pissa", "trainable_tokens": ["?"]},
    "DoRA from PiSSA": {"name": "dora", "init": "pissa"},
    "DoRA with rsLoRA": {"name": "dora", "use_rslora": True},
    "rsLoRA from LoRA-GA": {"name": "rslora", "init": "lora_ga"},
    "ranks by layer": {
        "name": "pissa",
        "use_rslora": True,
        "rank_pattern": {"q_proj": 2},
        "alpha_pattern": {"v_proj": 8},
    },
    "a pattern in one block": {"name": "lora", "target_pattern": r".*[.][qv]_proj", "layers_to_transform": [1]},
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Tiny models of three architectures."""
    return Bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, Any]]:
    """What the reference says."""
    written: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return written


def test_the_table_has_every_method_and_no_other(table: dict[str, dict[str, Any]]) -> None:
    assert list(table) == method_names()


@pytest.mark.parametrize("name", method_names())
def test_a_card_says_what_was_measured(name: str, table: dict[str, dict[str, Any]]) -> None:
    card, row = CARDS[name], table[name]
    failing = [column for column in ARCHITECTURES if row[column]]
    assert bool(failing) == bool(card.unavailable or card.limits)
    if card.unavailable:
        assert len(failing) == len(ARCHITECTURES)
        return
    assert card.can_merge == (not row["merges"])
    assert ("nf4" in card.quantizations) == ("fp4" in card.quantizations) == (not row["nf4"])
    if name != "qlora":  # by its name it is LoRA on 4 bits
        assert ("int8" in card.quantizations) == (not row["int8"])


@pytest.mark.parametrize("column", ["llama", *(pytest.param(name, marks=pytest.mark.no_cover) for name in COLUMNS[1:])])
@pytest.mark.parametrize("name", method_names())
def test_a_method_does_what_the_table_says(
    name: str, column: str, bench: Bench, table: dict[str, dict[str, Any]]
) -> None:
    """It trains, goes on from a checkpoint with the same bits, reloads plainly, and merges, or says why not."""
    seen = measured(bench, name, column)

    assert bool(seen.trouble) == bool(table[name][column]), seen
    if column in ARCHITECTURES and not seen.trouble:
        assert bool(seen.merges) == bool(table[name]["merges"]), seen
    if column == "llama":
        assert seen.num_trained == table[name]["trained"]


@pytest.mark.no_cover  # the table above has measured each method's lines
@pytest.mark.parametrize("name", OFFERED)
def test_a_method_trains_by_the_trainer_and_its_result_loads_plainly(name: str, make_run: MakeRun) -> None:
    run = make_run(method=tiny(name).model_dump(mode="json"), training={"max_steps": 4})

    trained = attempt_here(run)

    losses = [value for _, value in curves(run)["eval/loss"]]
    assert len(losses) == 2
    if issubclass(next(spec for spec in members(Method) if spec.spec_name() == name), WholeMethod):
        from transformers import AutoModelForCausalLM

        reloaded = AutoModelForCausalLM.from_pretrained(run.model)
    else:
        reloaded = load_plainly(run.adapter, base(make_run.room, "llama", quantized=name == "qlora"))
    assert difference(trained, reloaded) < PRECISE
    assert 1 <= answered(run, make_run.room, quantization="nf4" if name == "qlora" else "none") <= 4


def answered(run: RunDirectory, room: Room, quantization: str) -> int:
    """How many tokens the chat's engine makes of the result."""
    from backend.inference.engine import Engine

    is_model = run.model.exists()
    request = {
        "base_model": str(run.model if is_model else room.models["llama"]),
        "adapter": None if is_model else str(run.adapter),
        "quantization": quantization,
        "messages": [{"role": "user", "content": "What is 1 plus 2?"}],
        "sampling": {"max_new_tokens": 4, "temperature": 0},
    }
    said: list[Any] = []
    Engine().answer(ChatRequest.model_validate(request), said.append, lambda: False)
    return int(said[-1].num_tokens)


@pytest.mark.parametrize("start", STARTS)
def test_a_start_goes_on_exactly_and_its_result_fits_the_untouched_base(start: str, bench: Bench) -> None:
    seen = bench.see(tiny("lora", rank=4, init=start), "gemma3")
    assert not seen.trouble
    assert not seen.merges


@pytest.mark.parametrize("method", MODIFIED.values(), ids=MODIFIED.keys())
def test_modifiers_go_together(method: dict[str, Any], bench: Bench) -> None:
    seen = bench.see(tiny(**({"rank": 4} | method)), "llama")
    assert not seen.trouble
    assert not seen.merges


@pytest.mark.parametrize("name", ["full", "freeze", "lora"])
def test_whole_models_learn_in_float32_though_they_compute_in_bfloat16(name: str, make_run: MakeRun) -> None:
    import torch

    run = make_run(method=name, training={"max_steps": 4, "precision": "bfloat16", "learning_rate": 1e-5})

    model = attempt_here(run)

    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    if name != "lora":
        from transformers import AutoModelForCausalLM

        assert AutoModelForCausalLM.from_pretrained(run.model, dtype="auto").dtype == torch.bfloat16


def test_an_activated_lora_works_behind_its_invocation_and_cannot_merge(bench: Bench) -> None:
    seen = bench.see(tiny("lora", rank=4, alora_invocation=" is"), "llama")
    assert not seen.trouble
    assert "aLoRA does not support merging" in seen.merges


def test_loftq_starts_nearer_to_the_full_weights_than_nf4_alone(bench: Bench) -> None:
    full, plain = bench.logits(bench.base("llama")), bench.logits(bench.base("llama", "nf4"))

    started = bench.logits(bench.adapted(tiny("qlora", rank=8, init="loftq"), "llama", "nf4").model)

    assert float((started - full).abs().mean()) < 0.8 * float((plain - full).abs().mean())
    assert not bench.see(tiny("qlora", rank=4, init="loftq"), "llama", "nf4").trouble


@pytest.mark.parametrize("name", ["lora", "pissa", "adalora", "ia3", "full"])
def test_a_method_trains_a_new_score_head_and_saves_it(name: str, bench: Bench, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    from backend.trainer.adapters import adapt

    def rating() -> Any:
        torch.manual_seed(5)
        return AutoModelForSequenceClassification.from_pretrained(bench.folders["llama"], num_labels=1)

    adapted = adapt(rating(), tiny(name), head="score")
    heads = [p for n, p in adapted.model.named_parameters() if "score" in n and p.requires_grad]
    assert heads
    with torch.no_grad():
        for head in heads:
            head.add_(1.0)
    adapted.write_result(tmp_path)

    if name == "full":
        reloaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    else:
        reloaded = PeftModel.from_pretrained(rating(), str(tmp_path))
    assert difference(adapted.model, reloaded) < PRECISE
    assert difference(adapted.model, rating()) > 0.01


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
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
    """A fresh base model, as anybody would load it; see `keep_as_loaded` for what bitsandbytes does on some CPUs."""
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig

    from backend.quantization.four_bit import keep_as_loaded

    options: dict[str, Any] = {}
    if quantized:
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32,
        )
    model = AutoModelForCausalLM.from_pretrained(room.models[architecture], **options)
    keep_as_loaded(model)
    return model.eval()


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
