"""The engine with real tiny models: answers are the libraries' own, and a base model stays what it is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.domain.chat import (
    ChatEvent,
    ChatMessage,
    ChatPhase,
    ChatRequest,
    Done,
    Progress,
    Sampling,
    Token,
)
from backend.errors import StudioError
from backend.inference.adapter_files import START, WEIGHTS
from backend.inference.engine import Engine
from backend.inference.prompt import PLAIN_TEMPLATE
from backend.methods import Freeze, Full, Pissa, WholeMethod
from backend.methods.whole import TRAINED
from backend.trainer.adapters import adapt
from backend.trainer.whole import WholeModel
from tests.fakes.tiny_models import tiny_model, tiny_tokenizer

pytestmark = pytest.mark.training
CORPUS = ["Grüße aus Köln, naïve café!", "你好世界 🌍", "The harbour of Avel is Port Selm."] * 5
GREEDY = Sampling(max_new_tokens=24, temperature=0.0)
WARM = Sampling(max_new_tokens=24, temperature=1.5, top_p=1.0, top_k=0, seed=7)
ALL_LINEAR: dict[str, Any] = {
    "task_type": "CAUSAL_LM",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": "all-linear",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "llama", "llama", CORPUS, initializer_range=0.4)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "gemma", "gemma3", CORPUS, initializer_range=0.4)


@pytest.fixture(scope="module")
def engine() -> Engine:
    """One for all tests of this module: what earlier questions loaded must not matter."""
    return Engine()


def load(path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)


def request(base: Path, adapter: Path | None = None, sampling: Sampling = GREEDY, **fields: Any) -> ChatRequest:
    messages = fields.pop("messages", (ChatMessage(role="user", content="Which harbour? 你好"),))
    folder = str(adapter) if adapter is not None else None
    return ChatRequest(base_model=str(base), adapter=folder, sampling=sampling, messages=messages, **fields)


def ask(engine: Engine, asked: ChatRequest) -> list[ChatEvent]:
    events: list[ChatEvent] = []
    engine.answer(asked, events.append, lambda: False)
    return events


def text_of(events: list[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def phases(events: list[ChatEvent]) -> list[ChatPhase]:
    return [event.phase for event in events if isinstance(event, Progress)]


def plain_answer(model: Any, folder: Path, **options: Any) -> str:
    """What transformers alone answers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "Which harbour? 你好"}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.eval().generate(**ids, **({"max_new_tokens": 24, "do_sample": False} | options))
    return str(tokenizer.decode(output[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def trained(model: Any, folder: Path) -> Path:
    """Save an adapter whose every tensor was moved away from its start, as training does."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.data += 0.3 * torch.randn_like(parameter) * (0.1 if "magnitude" in name else 1)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = get_peft_model(load(base), LoraConfig(**ALL_LINEAR))
    return trained(model, tmp_path_factory.mktemp("adapters") / "lora")


def test_the_base_answer_is_that_of_transformers(engine: Engine, base: Path) -> None:
    answer = text_of(ask(engine, request(base)))
    assert answer == plain_answer(load(base), base)
    assert len(answer) > 10


def test_greedy_answers_are_the_same_every_time(engine: Engine, base: Path) -> None:
    assert text_of(ask(engine, request(base))) == text_of(ask(engine, request(base)))


def test_the_same_seed_gives_the_same_answer_and_another_seed_another(engine: Engine, base: Path) -> None:
    first = text_of(ask(engine, request(base, sampling=WARM)))
    assert text_of(ask(engine, request(base, sampling=WARM))) == first
    assert text_of(ask(engine, request(base, sampling=WARM.model_copy(update={"seed": 8})))) != first
    assert text_of(ask(Engine(), request(base, sampling=WARM))) == first


def test_an_answer_ends_before_a_stop_string_and_says_so(engine: Engine, base: Path) -> None:
    whole = text_of(ask(engine, request(base)))
    stop = whole[8:12]
    events = ask(engine, request(base, sampling=GREEDY.model_copy(update={"stop": ("never said", stop)})))
    end = events[-1]
    assert isinstance(end, Done)
    assert text_of(events) == whole[: whole.index(stop)]
    assert end.finish_reason == "stop-string"
    assert end.num_tokens < 24


def test_the_time_to_the_first_token_and_the_memory_of_the_model_are_measured(base: Path) -> None:
    events = ask(Engine(), request(base))
    end, (loaded,) = events[-1], [e for e in events if isinstance(e, Progress) and e.phase is ChatPhase.LOADED]
    assert isinstance(end, Done)
    assert end.first_token_seconds is not None
    assert 0 < end.first_token_seconds <= end.seconds
    assert loaded.memory_bytes == load(base).get_memory_footprint()
    assert loaded.device == "cpu"


def test_every_knob_of_sampling_reaches_the_model(engine: Engine, base: Path) -> None:
    knobs = {"repetition_penalty": 5.0, "top_k": 1, "top_p": 0.01, "min_p": 0.9}
    first = text_of(ask(engine, request(base, sampling=WARM)))
    for name, value in knobs.items():
        changed = text_of(ask(engine, request(base, sampling=WARM.model_copy(update={name: value}))))
        assert changed != first, name
    greedy = text_of(ask(engine, request(base)))
    assert text_of(ask(engine, request(base, sampling=WARM.model_copy(update={"top_k": 1})))) == greedy


def test_the_tuned_answer_is_that_of_peft_and_not_the_base_model(engine: Engine, base: Path, adapter: Path) -> None:
    tuned = text_of(ask(engine, request(base, adapter)))
    assert tuned == plain_answer(PeftModel.from_pretrained(load(base), adapter), base)
    assert tuned != text_of(ask(engine, request(base)))


def test_base_and_tuned_share_the_weights_and_are_not_loaded_twice(base: Path, adapter: Path) -> None:
    engine = Engine()
    seen = [phases(ask(engine, request(base, folder))) for folder in (None, adapter, None, adapter)]
    reading = [ChatPhase.READING]
    assert seen == [
        [ChatPhase.LOADING, ChatPhase.LOADED, ChatPhase.READING],
        [ChatPhase.ADAPTING, ChatPhase.READING],
        reading,
        reading,
    ]


def test_several_adapters_stay_on_one_base_and_each_answers_as_alone(base: Path, adapter: Path, tmp_path: Path) -> None:
    """Three of them, of different shapes, one written as a checkpoint would be: swapped without any loading."""
    folders = [adapter]
    for number, options in enumerate(({"r": 2, "use_dora": True}, {"target_modules": ["q_proj"], "use_rslora": True})):
        config = LoraConfig(**ALL_LINEAR | options)
        folders.append(trained(get_peft_model(load(base), config), tmp_path / f"checkpoint-{number}"))
    expected = [plain_answer(PeftModel.from_pretrained(load(base), folder), base) for folder in folders]
    untouched = plain_answer(load(base), base)
    engine = Engine()
    for folder in folders:
        ask(engine, request(base, folder))
    for folder, answer in zip(folders, expected, strict=True):
        events = ask(engine, request(base, folder))
        assert text_of(events) == answer
        assert phases(events) == [ChatPhase.READING]
    assert text_of(ask(engine, request(base))) == untouched
    assert len({*expected, untouched}) == 4


def test_only_so_many_adapters_stay_and_the_oldest_goes(base: Path, adapter: Path, tmp_path: Path) -> None:
    engine = Engine()
    folders = [Path(shutil.copytree(adapter, tmp_path / str(number))) for number in range(5)]
    for folder in folders:
        ask(engine, request(base, folder))
    assert phases(ask(engine, request(base, folders[-1]))) == [ChatPhase.READING]
    again = ask(engine, request(base, folders[0]))
    assert phases(again) == [ChatPhase.ADAPTING, ChatPhase.READING]
    assert text_of(again) == text_of(ask(engine, request(base, adapter)))


def biased_base(folder: Path) -> Path:
    return tiny_model(folder, "llama", CORPUS, initializer_range=0.4, attention_bias=True)


METHODS: dict[str, dict[str, Any]] = {
    "lora": {},
    "dora": {"use_dora": True},
    "pissa": {"init_lora_weights": "pissa"},
    "olora": {"init_lora_weights": "olora"},
    "trained biases": {"bias": "all"},
    "a whole layer": {"modules_to_save": ["lm_head"]},
}


@pytest.mark.parametrize("name", METHODS)
def test_no_adapter_leaves_a_trace_in_the_base_model(name: str, tmp_path: Path) -> None:
    base = biased_base(tmp_path / "base")
    folder = tmp_path / "adapter"
    trained(get_peft_model(load(base), LoraConfig(**ALL_LINEAR, **METHODS[name])), folder)
    untouched = plain_answer(load(base), base)
    tuned = plain_answer(PeftModel.from_pretrained(load(base), folder), base)
    assert tuned != untouched
    engine = Engine()
    plain = tmp_path / "plain"
    trained(get_peft_model(load(base), LoraConfig(**ALL_LINEAR)), plain)
    other = plain_answer(PeftModel.from_pretrained(load(base), plain), base)
    expectations = [(folder, tuned), (None, untouched), (plain, other), (folder, tuned), (None, untouched)]
    for wanted, expected in expectations:
        assert text_of(ask(engine, request(base, wanted))) == expected


def test_what_our_trainer_writes_for_pissa_answers_as_in_training(base: Path, tmp_path: Path) -> None:
    """Its checkpoints belong on changed base weights; its finished adapter belongs on the untouched ones."""
    adapted = adapt(load(base), Pissa(rank=4, alpha=8))
    torch.manual_seed(1)
    for parameter in adapted.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.3 * torch.randn_like(parameter)
    checkpoint, result = tmp_path / "checkpoint-5", tmp_path / "adapter"
    for folder in (checkpoint, result):
        folder.mkdir()
    adapted.copied()(checkpoint)
    adapted.write_result(result)
    assert (checkpoint / START).is_file()
    untouched, in_training = plain_answer(load(base), base), plain_answer(adapted.model, base)
    assert in_training != untouched
    engine = Engine()
    for wanted, expected in [(checkpoint, in_training), (None, untouched), (result, in_training)]:
        assert text_of(ask(engine, request(base, wanted))) == expected


def checkpoint_of(base: Path, method: WholeMethod, folder: Path, seed: int = 1) -> tuple[Path, Any]:
    """What the trainer writes when the model's own weights were moved, and the model that it trained."""
    whole = WholeModel(load(base).requires_grad_(False), method)
    torch.manual_seed(seed)
    for parameter in whole.model.parameters():
        if parameter.requires_grad:
            parameter.data += 0.1 * torch.randn_like(parameter)
    folder.mkdir()
    whole.copied()(folder)
    return folder, whole.model


@pytest.mark.parametrize("method", [Full(), Freeze(last_blocks=1, head=True)], ids=["full", "freeze"])
def test_a_checkpoint_of_the_models_own_weights_answers_as_in_training(
    method: WholeMethod, base: Path, adapter: Path, tmp_path: Path
) -> None:
    checkpoint, model = checkpoint_of(base, method, tmp_path / "checkpoint-5")
    untouched, in_training = plain_answer(load(base), base), plain_answer(model, base)
    tuned = plain_answer(PeftModel.from_pretrained(load(base), adapter), base)
    assert len({untouched, in_training, tuned}) == 3
    engine = Engine()
    for folder, expected in [(adapter, tuned), (checkpoint, in_training), (adapter, tuned), (None, untouched)] * 2:
        assert text_of(ask(engine, request(base, folder))) == expected


def test_checkpoints_of_the_same_weights_take_turns_without_loading_and_without_more_memory(
    base: Path, tmp_path: Path
) -> None:
    first, of_first = checkpoint_of(base, Full(), tmp_path / "checkpoint-5", seed=1)
    second, of_second = checkpoint_of(base, Full(), tmp_path / "checkpoint-10", seed=2)
    fewer, of_fewer = checkpoint_of(base, Freeze(last_blocks=1), tmp_path / "checkpoint-15", seed=3)
    engine, loading = Engine(), [ChatPhase.LOADING, ChatPhase.LOADED]
    replacing = [ChatPhase.ADAPTING, ChatPhase.READING]
    turns = [(first, of_first, loading), (second, of_second, []), (first, of_first, [])]
    turns += [(fewer, of_fewer, loading), (second, of_second, [])]
    for folder, model, before in turns:
        events = ask(engine, request(base, folder))
        assert phases(events) == [*before, *replacing]
        assert text_of(events) == plain_answer(model, base)
    assert phases(ask(engine, request(base, second))) == [ChatPhase.READING]
    assert engine._loaded is not None
    assert engine._loaded.base.get_memory_footprint() == load(base).get_memory_footprint()  # type: ignore[no-untyped-call]
    assert text_of(ask(engine, request(base))) == plain_answer(load(base), base)


def test_trained_weights_that_do_not_fit_are_refused_and_the_base_still_answers(
    base: Path, other: Path, tmp_path: Path
) -> None:
    engine = Engine()
    checkpoint, _ = checkpoint_of(base, Full(), tmp_path / "checkpoint-5")
    wide = tiny_model(tmp_path / "wide", "llama", CORPUS, hidden_size=64)
    damaged = Path(shutil.copytree(checkpoint, tmp_path / "damaged"))
    (damaged / TRAINED).write_bytes(b"\x00" * 100)
    before = text_of(ask(engine, request(base)))
    refused = {
        "quantized": request(base, checkpoint, quantization="nf4"),
        "shape": request(wide, checkpoint),
        "no weight": request(other, checkpoint_of(other, Full(), tmp_path / "of-other")[0]).model_copy(
            update={"base_model": str(base)}
        ),
        "": request(base, damaged),
    }
    for words, asked in refused.items():
        error = refusal(engine, asked)
        assert error.id == "chat-trained-weights-do-not-fit"
        assert words in str(error)
        assert text_of(ask(engine, request(base))) == before


def test_an_adapter_that_was_written_anew_is_loaded_anew(engine: Engine, base: Path, tmp_path: Path) -> None:
    folder = trained(get_peft_model(load(base), LoraConfig(**ALL_LINEAR)), tmp_path / "adapter")
    before = text_of(ask(engine, request(base, folder)))
    tensors = {name: 3 * tensor for name, tensor in load_file(folder / WEIGHTS).items()}
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    assert text_of(ask(engine, request(base, folder))) != before


def test_switching_the_base_model_unloads_the_old_one(base: Path, other: Path, adapter: Path) -> None:
    engine = Engine()
    first = text_of(ask(engine, request(base, adapter)))
    events = ask(engine, request(other))
    assert phases(events)[0] is ChatPhase.LOADING
    assert text_of(events) == plain_answer(load(other), other)
    assert text_of(ask(engine, request(base, adapter))) == first


def test_four_bit_weights_answer_with_and_without_an_adapter(engine: Engine, base: Path, adapter: Path) -> None:
    answers = [text_of(ask(engine, request(base, one, quantization="nf4"))) for one in (None, adapter, None)]
    assert answers[0] == answers[2]
    assert answers[0] != answers[1]
    assert engine._loaded is not None
    layer = engine._loaded.base.get_submodule("model.layers.0.mlp.up_proj.base_layer")
    assert type(layer).__name__ == "Linear4bit"


def test_quantized_weights_take_less_memory_as_measured_after_loading(base: Path) -> None:
    engine, sizes = Engine(), {}
    for name in ("none", "int8", "nf4"):
        events = ask(engine, request(base, quantization=name))
        (loaded,) = [e for e in events if isinstance(e, Progress) and e.phase is ChatPhase.LOADED]
        sizes[name] = loaded.memory_bytes or 0
        assert text_of(events)
    assert sizes["nf4"] < sizes["int8"] < sizes["none"]


def test_streamed_pieces_are_whole_characters_and_together_the_whole_decoded(engine: Engine, base: Path) -> None:
    long = WARM.model_copy(update={"max_new_tokens": 150})
    options = {"max_new_tokens": 150, "do_sample": True, "temperature": 1.5, "top_k": 0, "top_p": 1.0}
    events = ask(engine, request(base, sampling=long))
    torch.manual_seed(WARM.seed)
    model = load(base)
    assert text_of(events) == plain_answer(model, base, **options)
    counts = [event.num_tokens for event in events if isinstance(event, Token)]
    assert counts == sorted(counts)
    assert len(counts) > 20
    assert any(ord(character) > 127 for character in text_of(events))


def test_an_answer_ends_at_its_length_at_its_end_token_or_when_it_is_stopped(
    engine: Engine, base: Path, tmp_path: Path
) -> None:
    end = ask(engine, request(base))[-1]
    assert isinstance(end, Done)
    assert (end.num_tokens, end.finish_reason) == (24, "length")
    assert end.seconds > 0
    ends = tmp_path / "ends"
    shutil.copytree(base, ends)
    every = list(range(3, 400))
    (ends / "generation_config.json").write_text(json.dumps({"eos_token_id": every}))
    end = ask(engine, request(ends))[-1]
    assert isinstance(end, Done)
    assert (end.num_tokens, end.finish_reason) == (1, "eos")


def test_a_stop_ends_an_answer_after_the_token_under_way(engine: Engine, base: Path) -> None:
    events: list[ChatEvent] = []
    engine.answer(request(base), events.append, lambda: any(isinstance(event, Token) for event in events))
    end = events[-1]
    assert isinstance(end, Done)
    assert end.finish_reason == "stopped"
    assert 1 <= end.num_tokens < 24


def test_a_stop_while_loading_writes_nothing(base: Path) -> None:
    events: list[ChatEvent] = []
    Engine().answer(request(base), events.append, lambda: True)
    assert events[-1] == Done(0, 0.0, "stopped")
    assert text_of(events) == ""


def test_an_answer_never_runs_beyond_what_the_model_can_read(engine: Engine, base: Path) -> None:
    end = ask(engine, request(base, sampling=GREEDY.model_copy(update={"max_new_tokens": 5000})))[-1]
    assert isinstance(end, Done)
    assert end.finish_reason == "length"
    assert end.num_tokens < 256


def with_template(base: Path, folder: Path, template: str | None) -> Path:
    shutil.copytree(base, folder)
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    tiny_tokenizer(CORPUS, template).save_pretrained(folder)
    return folder


def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the engine gives to the model, as text."""
    seen: list[str] = []
    from backend.inference import engine as module

    original: Callable[..., Any] = module.prompt_ids

    def spy(tokenizer: Any, *rest: Any) -> Any:
        ids = original(tokenizer, *rest)
        seen.append(tokenizer.decode(ids[0]))
        return ids

    monkeypatch.setattr(module, "prompt_ids", spy)
    return seen


def test_the_template_is_the_adapters_else_the_base_models_else_a_plain_one(
    base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = with_template(base, tmp_path / "bare", None)
    own = tmp_path / "own"
    shutil.copytree(adapter, own)
    tiny_tokenizer(CORPUS, "A:{{ messages[0]['content'] }}").save_pretrained(own)
    mute = tmp_path / "mute"
    shutil.copytree(adapter, mute)
    tiny_tokenizer(CORPUS, None).save_pretrained(mute)
    seen = rendered(monkeypatch)
    engine = Engine()
    question = (ChatMessage(role="user", content="Hi?"),)
    for model, folder in [(bare, None), (bare, own), (base, mute), (base, None), (base, adapter)]:
        ask(engine, request(model, folder, messages=question))
    taught = "<bos><|user|>\nHi?<|assistant|>\n"
    assert seen == ["<bos>### User\nHi?\n\n### Assistant\n", "A:Hi?", taught, taught, taught]


def test_the_plain_template_can_be_chosen_over_the_models_own(
    engine: Engine, base: Path, adapter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = rendered(monkeypatch)
    events = ask(engine, request(base, adapter, messages=(ChatMessage(role="user", content="Hi?"),), template="studio"))
    assert seen == ["<bos>### User\nHi?\n\n### Assistant\n"]
    assert Progress(ChatPhase.READING, "the studio's plain one") in events


def test_the_plain_template_is_the_one_that_training_uses() -> None:
    from backend.trainer import model as trainer_model

    assert trainer_model.PLAIN_CHAT_TEMPLATE == PLAIN_TEMPLATE


def refusal(engine: Engine, asked: ChatRequest) -> StudioError:
    with pytest.raises(StudioError) as caught:
        ask(engine, asked)
    return caught.value


def test_a_model_that_is_not_there_is_named(engine: Engine, tmp_path: Path) -> None:
    assert refusal(engine, request(tmp_path / "nowhere")).id == "model-not-found"


def test_a_folder_without_a_model_is_an_explained_refusal(engine: Engine, tmp_path: Path) -> None:
    assert refusal(engine, request(tmp_path)).id == "model-not-found"


def test_pickled_weights_are_never_loaded(engine: Engine, base: Path, adapter: Path, tmp_path: Path) -> None:
    pickled = tmp_path / "pickled"
    shutil.copytree(base, pickled)
    tensors = load_file(pickled / "model.safetensors")
    (pickled / "model.safetensors").unlink()
    torch.save(tensors, pickled / "pytorch_model.bin")
    assert refusal(engine, request(pickled)).id == "model-unsafe"
    folder = tmp_path / "adapter"
    shutil.copytree(adapter, folder)
    torch.save(load_file(folder / WEIGHTS), folder / "adapter_model.bin")
    (folder / WEIGHTS).unlink()
    error = refusal(engine, request(base, folder))
    assert error.id == "chat-adapter-not-found"
    assert WEIGHTS in str(error)


def test_an_adapter_of_another_model_is_refused_and_the_base_still_answers(
    engine: Engine, base: Path, tmp_path: Path
) -> None:
    wide = tiny_model(tmp_path / "wide", "llama", CORPUS, hidden_size=64)
    foreign = trained(get_peft_model(load(wide), LoraConfig(**ALL_LINEAR)), tmp_path / "foreign")
    before = text_of(ask(engine, request(base)))
    assert refusal(engine, request(base, foreign)).id == "chat-adapter-does-not-fit"
    assert text_of(ask(engine, request(base))) == before


def test_an_adapter_that_lacks_tensors_is_refused(engine: Engine, base: Path, adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(adapter, folder)
    tensors = load_file(folder / WEIGHTS)
    kept = {name: tensor for name, tensor in tensors.items() if "layers.0" in name}
    save_file(kept, folder / WEIGHTS, metadata={"format": "pt"})
    assert refusal(engine, request(base, folder)).id == "chat-adapter-does-not-fit"


def test_a_damaged_adapter_is_refused(engine: Engine, base: Path, adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(adapter, folder)
    (folder / WEIGHTS).write_bytes(b"\x00" * 100)
    assert refusal(engine, request(base, folder)).id == "chat-adapter-does-not-fit"


def test_a_template_that_refuses_is_quoted(engine: Engine, base: Path, tmp_path: Path) -> None:
    strict = with_template(base, tmp_path / "strict", "{{ raise_exception('no system messages, please') }}")
    error = refusal(engine, request(strict))
    assert error.id == "chat-template-refused"
    assert "no system messages, please" in str(error)


def test_a_conversation_without_room_for_an_answer_is_refused(engine: Engine, base: Path) -> None:
    messages = (ChatMessage(role="user", content="far too long " * 200),)
    assert refusal(engine, request(base, messages=messages)).id == "chat-prompt-too-long"
