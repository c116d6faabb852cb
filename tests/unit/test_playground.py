"""Turning a run into questions, and remembering the answers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.domain.chat import ChatEvent, ChatMessage, ChatRequest, Done, Sampling, Token
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.quantization import Nf4
from backend.services.errors import AdapterUnreadable, NoAnswerYet
from backend.services.playground import MAX_EXCHANGES, Exchange, Playground
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run


class Echo:
    """A chat service that records requests and repeats the question."""

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []

    def generate(self, request: ChatRequest) -> Iterator[ChatEvent]:
        self.asked.append(request)
        yield Token(request.messages[-1].content)
        yield Done(1, 0.1, "eos")


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = RunDirectory(folder / "a-run")
        self.store = FakeRunStore(FakeClock())
        self.echo = Echo()
        self.playground = Playground(self.store, self.echo)  # type: ignore[arg-type]
        LocalRunFiles().create(self.folder.root, "base_model: org/name\ndataset: x.jsonl\nmethod: qlora\n")
        self.store.create(a_run(run_dir=self.folder.root, state=RunState.FINISHED))

    def add_adapter(self, base: str = "/models/base") -> None:
        self.folder.adapter.mkdir()
        (self.folder.adapter / "adapter_model.safetensors").write_bytes(b"")
        (self.folder.adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_both_sides_get_the_same_question_and_base(scene: Scene) -> None:
    scene.add_adapter()
    question = (ChatMessage(role="user", content="why?"),)
    for side in ("base", "tuned"):
        assert next(iter(scene.playground.ask("a-run", side, question, Sampling()))) == Token("why?")  # type: ignore[arg-type]
    base, tuned = scene.echo.asked
    assert (base.adapter, tuned.adapter) == (None, str(scene.folder.adapter))
    assert base.base_model == tuned.base_model == "/models/base"
    assert isinstance(tuned.quantization, Nf4)


def test_the_model_gets_the_trust_that_the_run_gave_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.add_adapter()
    scene.folder.config.write_text(f"base_model: {{path: org/name, trusted_code: {'ab' * 32}}}\ndataset: x.jsonl\n")

    list(scene.playground.ask("a-run", "tuned", (ChatMessage(role="user", content="why?"),), Sampling()))

    assert scene.echo.asked[0].trusted_code == "ab" * 32


def test_a_run_without_an_adapter_cannot_be_asked(scene: Scene) -> None:
    with pytest.raises(NoAnswerYet, match="finished"):
        scene.playground.pair("a-run")


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_damaged_adapter_is_told(scene: Scene, text: str) -> None:
    scene.add_adapter()
    (scene.folder.adapter / "adapter_config.json").write_text(text)
    with pytest.raises(AdapterUnreadable):
        scene.playground.pair("a-run")


def test_the_conversation_is_kept_and_bounded(scene: Scene) -> None:
    for i in range(MAX_EXCHANGES + 2):
        scene.playground.remember("a-run", Exchange(f"q{i}", None, "a"))
    history = scene.playground.history("a-run")
    assert len(history) == MAX_EXCHANGES
    assert history[-1] == Exchange(f"q{MAX_EXCHANGES + 1}", None, "a")
    scene.playground.forget("a-run")
    assert scene.playground.history("a-run") == ()


@pytest.mark.parametrize("text", ["{", '[{"x": 1}]', "[1]"])
def test_a_conversation_of_another_version_is_empty(scene: Scene, text: str) -> None:
    scene.store.save_draft("chat:a-run", text)
    assert scene.playground.history("a-run") == ()
