"""Loading base models: their own code runs only by consent, and heads other than the language head."""

import json
import os
import pty
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.domain.run_config import BaseModelChoice
from backend.errors import StudioError
from backend.quantization import NoQuantization
from tests.fakes.hub_server import COMMIT, FakeHub, serving
from tests.training.runs import MakeRun, Room, attempt_here

MODELING = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
from .numbers_of_ours import SCALE
Path({marker!r}).write_text("the model's code ran")

class OursConfig(LlamaConfig):
    model_type = "ours"

class OursForCausalLM(LlamaForCausalLM):
    config_class = OursConfig

    def forward(self, *args, **kwargs):
        out = super().forward(*args, **kwargs)
        return out
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


@pytest.fixture
def coded(room: Room, tmp_path: Path, marker: Path) -> Path:
    """A tiny model of a kind that only its own code knows."""
    import shutil

    folder = tmp_path / "coded"
    shutil.copytree(room.models["llama"], folder)
    (folder / "modeling_ours.py").write_text(MODELING.format(marker=str(marker)), encoding="utf-8")
    (folder / "numbers_of_ours.py").write_text("SCALE = 1.0\n", encoding="utf-8")
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "ours"
    config["architectures"] = ["OursForCausalLM"]
    config["auto_map"] = {
        "AutoConfig": "modeling_ours.OursConfig",
        "AutoModelForCausalLM": "modeling_ours.OursForCausalLM",
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


@pytest.fixture
def _terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard input is a terminal on which somebody has already typed yes."""
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n" * 9)
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield
    os.close(ours)


def refusal(choice: BaseModelChoice) -> StudioError:
    from backend.base_models.files import locate

    with pytest.raises(StudioError) as caught:
        locate(choice, Path("/"))
    return caught.value


@pytest.mark.usefixtures("_terminal")
def test_code_of_a_model_is_refused_even_where_transformers_would_ask(coded: Path, marker: Path) -> None:
    error = refusal(BaseModelChoice(path=str(coded)))

    assert error.id == "model-code-untrusted"
    assert "modeling_ours.OursForCausalLM" in str(error)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["tokenizer_config.json", "processor_config.json", "config.json"])
def test_code_is_found_in_every_configuration_of_a_model(room: Room, tmp_path: Path, name: str) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(room.models["llama"], folder)
    (folder / "own.py").write_text("raise SystemExit")
    config = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
    (folder / name).write_text(json.dumps(config | {"text": {"auto_map": {"AutoTokenizer": [None, "own.Own"]}}}))

    assert refusal(BaseModelChoice(path=str(folder))).id == "model-code-untrusted"


def test_a_run_on_code_that_was_trusted_trains(coded: Path, marker: Path, make_run: MakeRun) -> None:
    from backend.base_models.code import code_hash

    trusted = refusal(BaseModelChoice(path=str(coded))).data["hash"]
    assert trusted == code_hash(coded)
    run = make_run(base_model={"path": str(coded), "trusted_code": trusted}, training={"max_steps": 2})

    model = attempt_here(run)

    assert marker.exists()
    assert type(model.get_base_model()).__name__ == "OursForCausalLM"
    assert json.loads((run.adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == str(coded)
    assert not list(coded.rglob("__pycache__"))


def chat_events(model: Path, trusted: str | None) -> list[Any]:
    from backend.domain.chat import ChatMessage, ChatRequest, Sampling
    from backend.inference.engine import Engine

    events: list[Any] = []
    asked = ChatRequest(
        base_model=str(model),
        trusted_code=trusted,
        messages=(ChatMessage(role="user", content="Hello?"),),
        sampling=Sampling(max_new_tokens=3, temperature=0.0),
    )
    Engine().answer(asked, events.append, lambda: False)
    return events


@pytest.mark.usefixtures("_terminal")
@pytest.mark.parametrize("trusted", [None, "0" * 64])
def test_chat_refuses_code_that_nobody_trusts(coded: Path, marker: Path, trusted: str | None) -> None:
    with pytest.raises(StudioError) as caught:
        chat_events(coded, trusted)

    assert caught.value.id == "model-code-untrusted"
    assert not marker.exists()


def test_chat_runs_code_that_the_run_trusts(coded: Path, marker: Path) -> None:
    from backend.base_models.code import code_hash
    from backend.domain.chat import Done

    last = chat_events(coded, code_hash(coded))[-1]

    assert isinstance(last, Done)
    assert last.num_tokens > 0
    assert marker.exists()
    assert not list(coded.rglob("__pycache__"))


def test_code_that_has_changed_since_it_was_read_is_refused(coded: Path, marker: Path) -> None:
    from backend.base_models.code import code_hash

    trusted = code_hash(coded)
    (coded / "numbers_of_ours.py").write_text("SCALE = 2.0\n", encoding="utf-8")

    error = refusal(BaseModelChoice(path=str(coded), trusted_code=trusted))

    assert error.id == "model-code-untrusted"
    assert trusted in error.explain().why
    assert not marker.exists()


def test_what_runs_is_the_copy_whose_hash_was_taken(coded: Path, marker: Path) -> None:
    from backend.base_models.code import code_hash
    from backend.base_models.files import locate
    from backend.trainer.model import load_model, load_tokenizer

    files = locate(BaseModelChoice(path=str(coded), trusted_code=code_hash(coded)), Path("/"))
    (coded / "modeling_ours.py").write_text("raise AssertionError('changed in between')", encoding="utf-8")

    load_tokenizer(files)
    model = load_model(files, "float32", NoQuantization())

    assert type(model).__name__ == "OursForCausalLM"
    assert marker.exists()
    assert model.name_or_path == str(coded)


def test_code_of_another_repository_is_refused_whatever_is_trusted(coded: Path, marker: Path) -> None:
    from backend.base_models.code import code_hash

    config = json.loads((coded / "config.json").read_text())
    config["auto_map"]["AutoConfig"] = "someone/else--modeling_ours.OursConfig"
    (coded / "config.json").write_text(json.dumps(config), encoding="utf-8")

    error = refusal(BaseModelChoice(path=str(coded), trusted_code=code_hash(coded)))

    assert error.id == "model-code-elsewhere"
    assert not marker.exists()


def test_trusted_code_of_the_hub_needs_a_pinned_commit(coded: Path) -> None:
    from backend.base_models.code import check_code, code_hash

    pinned = {"path": "org/coded", "trusted_code": code_hash(coded)}
    with pytest.raises(StudioError) as caught:
        check_code(BaseModelChoice(**pinned, revision="main"), coded, is_remote=True)

    assert caught.value.id == "model-commit-missing"
    assert check_code(BaseModelChoice(**pinned, revision="0123456789" * 4), coded, is_remote=True)


def test_an_adapter_is_no_base_model(room: Room, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(room.models["llama"], folder)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "someone/else"}))

    assert refusal(BaseModelChoice(path=str(folder))).id == "model-unusable"


def test_a_score_head_gives_one_number_and_the_same_in_every_attempt(room: Room) -> None:
    import torch

    from backend.base_models.files import locate
    from backend.trainer.model import load_model

    files = locate(BaseModelChoice(path=str(room.models["gemma3"])), Path("/"))
    state = torch.get_rng_state()
    first, second = (load_model(files, "float32", NoQuantization(), head="score") for _ in range(2))

    assert torch.equal(torch.get_rng_state(), state)
    row = torch.tensor([[3, 4, 5]])
    scores = [model(input_ids=row).logits for model in (first, second)]
    assert scores[0].shape == (1, 1)
    assert torch.equal(*scores)
    assert not any(parameter.requires_grad for parameter in first.parameters())


def test_a_folder_that_is_missing_is_named_when_the_hub_does_not_know_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.base_models.files import locate

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))

    with pytest.raises(StudioError, match="There is no folder models/mine; it was taken as a hub id"):
        locate(BaseModelChoice(path="models/mine"), tmp_path)


@pytest.fixture
def hub(coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The model with code of its own, on a hub."""
    with serving(FakeHub(coded)) as served:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", served.url)
        template = served.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        yield served


def test_code_on_the_hub_is_fetched_to_be_read_and_weights_only_after_consent(
    hub: FakeHub, marker: Path, room: Room, tmp_path: Path
) -> None:
    from backend.base_models.files import locate
    from backend.trainer.model import load_model, load_tokenizer

    error = refusal(BaseModelChoice(path="org/tiny"))
    assert error.id == "model-code-untrusted"
    assert (Path(str(error.data["folder"])) / "modeling_ours.py").is_file()
    assert not [call for call in hub.calls if call.endswith("model.safetensors")]
    assert not marker.exists()

    choice = BaseModelChoice(path="org/tiny", revision=COMMIT, trusted_code=str(error.data["hash"]))
    files = locate(choice, tmp_path)
    tokenizer = load_tokenizer(files)
    model = load_model(files, "float32", NoQuantization())

    assert type(model).__name__ == "OursForCausalLM"
    assert (tokenizer.name_or_path, model.name_or_path, files.name) == ("org/tiny", "org/tiny", "org/tiny")


def test_a_plain_model_of_the_hub_loads_and_is_remembered_by_its_name(hub: FakeHub, room: Room, tmp_path: Path) -> None:
    from backend.base_models.files import locate
    from backend.trainer.model import load_model

    hub.folder = room.models["gemma3"]

    model = load_model(locate(BaseModelChoice(path="org/tiny"), tmp_path), "float32", NoQuantization())

    assert type(model).__name__ == "Gemma3ForCausalLM"
    assert model.name_or_path == "org/tiny"


@pytest.mark.parametrize("program", ["trainer", "inference"])
def test_answering_leaves_4_bit_weights_as_they_were_loaded(
    room: Room, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    """Also on a CPU for which bitsandbytes has another layout, with scales of fewer bits."""
    import torch

    from backend.base_models.files import locate
    from backend.inference.loading import BaseKey, load_base
    from backend.quantization import Nf4
    from backend.trainer.model import load_model

    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: True)
    choice = BaseModelChoice(path=str(room.models["llama"]))
    model: Any
    if program == "trainer":
        model = load_model(locate(choice, Path("/")), "float32", Nf4()).eval()
    else:
        model, _ = load_base(BaseKey(choice, Nf4(), "float32"), lambda: None)
    layer = model.model.layers[0].self_attn.q_proj
    before = layer.weight.data.clone(), layer.weight.quant_state.absmax.clone()

    with torch.no_grad():
        model(input_ids=torch.tensor([[1, 5, 7]]))

    assert torch.equal(layer.weight.data, before[0])
    assert torch.equal(layer.weight.quant_state.absmax, before[1])
