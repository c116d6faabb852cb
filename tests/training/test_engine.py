"""The fast ways of computing losses give what the libraries' own ways give."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AutoModelForCausalLM

from backend.trainer.collation import IGNORED
from backend.trainer.engine.attention import FlatOnCpu, _general
from backend.trainer.engine.batches import StepCollator
from backend.trainer.engine.forward import install
from backend.trainer.engine.loop import for_model
from backend.trainer.engine.lora import lean
from backend.trainer.engine.losses import Head, summed_loss
from backend.trainer.engine.probe import probe
from tests.fakes.tiny_models import tiny_model

pytestmark = pytest.mark.training
ARCHITECTURES = ("llama", "gemma3", "qwen3")
Made = tuple[float, dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny_model(folder / name, name, ["one two three"]) for name in ARCHITECTURES}


@pytest.fixture(params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Any:
    return adapted(folders[request.param])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(3)


def adapted(folder: Path, **options: Any) -> Any:
    base = AutoModelForCausalLM.from_pretrained(folder).requires_grad_(False)
    given: dict[str, Any] = {"r": 4, "target_modules": "all-linear", "init_lora_weights": False} | options
    return get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", **given)).train()


def made_rows(count: int = 6) -> list[Any]:
    """Rows of 4 to 44 tokens, the second half of each learned; some are longer than Gemma's window of 16."""
    rows = []
    for number in range(count):
        ids = torch.randint(3, 250, (4 + 8 * number,)).tolist()
        start = len(ids) // 2
        rows.append({"input_ids": ids, "labels": [IGNORED] * start + ids[start : len(ids) - number % 2]})
        rows[-1]["labels"] += [IGNORED] * (len(ids) - len(rows[-1]["labels"]))
    return rows


def plain(model: Any, rows: list[Any]) -> Made:
    """One padded batch through the library's own forward, as Hugging Face's Trainer does it."""
    from backend.trainer.collation import Collator

    batch = Collator(0)(rows)
    items = (batch["labels"][:, 1:] != IGNORED).sum()
    return stepped(model, [model(**batch, num_items_in_batch=items).loss])


def fast(model: Any, rows: list[Any], **options: Any) -> Made:
    collator = StepCollator(0, **{"budget": 60, "is_flat": True, "is_learned": True} | options)
    micro_batches = collator(rows)["micro_batches"]
    items = sum(label != IGNORED for row in rows for label in row["labels"][1:])
    given = [for_model(micro) for micro in micro_batches]
    assert len(given) > 1
    return stepped(model, [model(**micro, num_items_in_batch=torch.tensor(items)).loss for micro in given])


def stepped(model: Any, losses: list[torch.Tensor]) -> Made:
    model.zero_grad()
    loss = torch.stack(losses).sum()
    loss.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return float(loss), gradients


def check_same(found: Made, expected: Made) -> None:
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert found[1].keys() == expected[1].keys()
    largest = max(float(gradient.abs().max()) for gradient in expected[1].values())
    for name, gradient in expected[1].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-3, atol=1e-5 * largest, msg=name)


@pytest.mark.parametrize("is_learned", [True, False], ids=["learned", "all"])
@pytest.mark.parametrize("is_flat", [True, False], ids=["flat", "padded"])
def test_losses_and_gradients_do_not_depend_on_how_they_are_computed(
    model: Any, is_flat: bool, is_learned: bool
) -> None:
    rows = made_rows()
    expected = plain(model, rows)

    abilities = probe(model.get_base_model())
    install(model.get_base_model())

    assert (abilities.no_flat, abilities.no_learned) == ("", "")
    assert lean(model) == 14
    check_same(fast(model, rows, is_flat=is_flat, is_learned=is_learned), expected)


def test_float32_weights_under_autocast_learn_what_the_library_learns(model: Any) -> None:
    rows = made_rows()
    with torch.autocast("cpu", torch.bfloat16):
        expected = plain(model, rows)

    probe(model.get_base_model())
    install(model.get_base_model())
    lean(model)

    with torch.autocast("cpu", torch.bfloat16):
        found = fast(model, rows)
    assert found[0] == pytest.approx(expected[0], rel=2e-3)
    ours, theirs = (torch.cat([made[1][name].flatten() for name in expected[1]]) for made in (found, expected))
    assert torch.nn.functional.cosine_similarity(ours, theirs, dim=0) > 0.99


def test_gradient_checkpointing_changes_nothing(model: Any) -> None:
    rows = made_rows()
    expected = plain(model, rows)
    probe(model.get_base_model())
    install(model.get_base_model())
    lean(model)

    model.gradient_checkpointing_enable({"use_reentrant": False})

    check_same(fast(model, rows), expected)


def test_a_flat_row_can_use_the_attention_of_the_library(model: Any) -> None:
    rows = made_rows()
    expected = plain(model, rows)

    assert probe(model.get_base_model(), with_ours=False).no_flat == ""
    install(model.get_base_model())

    check_same(fast(model, rows), expected)


def test_padded_batches_and_generation_work_as_before_on_the_flat_attention(model: Any) -> None:
    ids = torch.randint(3, 250, (2, 20))
    mask = torch.ones_like(ids)
    mask[0, :5] = 0
    model.eval()
    options = {"input_ids": ids, "attention_mask": mask, "max_new_tokens": 5, "do_sample": False}
    before = model(input_ids=ids, attention_mask=mask).logits[1], model.generate(**options)

    probe(model.get_base_model())
    install(model.get_base_model())
    lean(model)

    torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits[1], before[0], rtol=1e-4, atol=1e-4)
    assert torch.equal(model.generate(**options), before[1])


def test_a_model_whose_rows_see_one_another_stays_padded(folders: dict[str, Path]) -> None:
    base = AutoModelForCausalLM.from_pretrained(folders["llama"])
    for layer in base.model.layers:
        layer.self_attn.is_causal = False

    assert probe(base).no_flat == "its tokens see later ones"
    assert base.config._attn_implementation == "sdpa"


def test_a_head_that_does_more_than_it_says_is_noticed(folders: dict[str, Path]) -> None:
    base = AutoModelForCausalLM.from_pretrained(folders["llama"])
    base.lm_head.forward = lambda hidden: 3 * torch.nn.functional.linear(hidden, base.lm_head.weight)

    assert probe(base).no_learned


@pytest.mark.parametrize("window", [None, 5])
def test_general_attention_agrees_with_the_one_for_the_cpu(window: int | None) -> None:
    query, key, value = (torch.randn(1, heads, 21, 8, requires_grad=True) for heads in (4, 2, 2))
    ours = FlatOnCpu.apply(query, key, value, [9, 1, 11], window, 0.3)
    theirs = _general(query, key, value, [9, 1, 11], window, 0.3, None, 0.0)
    weights = torch.randn_like(theirs)

    torch.testing.assert_close(ours, theirs)
    found = torch.autograd.grad((ours * weights).sum(), (query, key, value))
    expected = torch.autograd.grad((theirs * weights).sum(), (query, key, value))
    torch.testing.assert_close(found, expected)


def test_soft_capped_attention_without_a_cap_in_reach_is_plain_attention() -> None:
    query, key, value = (torch.randn(1, heads, 12, 8) for heads in (4, 2, 2))
    capped = _general(query, key, value, [12], None, 0.3, 1e4, 0.0)
    plain = scaled_dot_product_attention(query, key, value, is_causal=True, scale=0.3, enable_gqa=True)

    torch.testing.assert_close(capped, plain, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("scale", "softcap"), [(1.0, None), (0.25, None), (1.0, 2.0), (3.0, 1.5)])
@pytest.mark.parametrize("is_trained", [True, False])
def test_chunked_loss_is_cross_entropy(
    scale: float, softcap: float | None, is_trained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.trainer.engine.losses.CHUNK_BYTES", 4 * 50 * 7)  # 7 tokens at a time
    layer = torch.nn.Linear(16, 50, bias=False).requires_grad_(is_trained)
    head = Head(layer, scale, softcap)
    hidden, targets = torch.randn(30, 16, requires_grad=True), torch.randint(50, (30,))
    learned = [hidden, layer.weight] if is_trained else [hidden]

    ours = summed_loss(head, hidden, targets)
    theirs = cross_entropy(head.logits(hidden), targets, reduction="sum")

    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours * 0.3, learned), torch.autograd.grad(theirs * 0.3, learned), rtol=1e-4, atol=1e-5
    )
    with torch.no_grad():
        torch.testing.assert_close(summed_loss(head, hidden, targets), theirs)


def test_lean_layers_switch_off_merge_and_come_back(folders: dict[str, Path]) -> None:
    model = adapted(folders["llama"]).eval()
    ids = torch.randint(3, 250, (1, 9))
    tuned = model(input_ids=ids).logits
    with model.disable_adapter():
        base = model(input_ids=ids).logits
    lean(model)

    torch.testing.assert_close(model(input_ids=ids).logits, tuned, rtol=1e-4, atol=1e-4)
    with model.disable_adapter():
        assert torch.equal(model(input_ids=ids).logits, base)
    model.merge_adapter()
    torch.testing.assert_close(model(input_ids=ids).logits, tuned, rtol=1e-3, atol=1e-3)
    model.unmerge_adapter()
    torch.testing.assert_close(deepcopy(model).merge_and_unload()(input_ids=ids).logits, tuned, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("bits", [4, 8])
def test_lean_layers_on_quantized_weights(folders: dict[str, Path], bits: int) -> None:
    from transformers import BitsAndBytesConfig

    quantized = BitsAndBytesConfig(load_in_4bit=bits == 4, load_in_8bit=bits == 8)
    base = AutoModelForCausalLM.from_pretrained(
        folders["llama"], quantization_config=quantized, device_map={"": "cpu"}, dtype=torch.float32
    ).requires_grad_(False)
    config = LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear", init_lora_weights=False)
    model = get_peft_model(base, config).train()
    rows = made_rows(3)
    expected = plain(model, rows)

    assert lean(model) == 14

    found = plain(model, rows)
    assert found[0] == pytest.approx(expected[0], rel=1e-4)
    for name, gradient in expected[1].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=2e-2, atol=1e-3)


def test_dropout_in_lean_layers_leaves_out_its_share_and_has_the_right_gradient(folders: dict[str, Path]) -> None:
    model = adapted(folders["llama"], lora_dropout=0.5)
    layer = model.get_base_model().model.layers[0].mlp.down_proj
    lean(model)
    x = torch.randn(1, 7, 64, dtype=torch.float32, requires_grad=True)

    def once(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return layer(x)

    assert not torch.equal(layer(x), layer(x))
    mean = torch.stack([layer(x) for _ in range(3000)]).mean(0)
    layer.eval()
    torch.testing.assert_close(mean, layer(x), rtol=0.2, atol=0.3)
    layer.train()
    direction = torch.randn_like(x)
    slope = torch.autograd.grad(once(x).sum(), x)[0].mul(direction).sum()
    measured = (once(x + 1e-2 * direction).sum() - once(x - 1e-2 * direction).sum()) / 2e-2
    torch.testing.assert_close(slope, measured, rtol=1e-2, atol=1e-2)
