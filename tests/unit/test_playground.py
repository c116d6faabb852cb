"""Turning runs, checkpoints and base models into questions."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatEvent, ChatMessage, ChatRequest, Done, Token
from backend.domain.chat_sides import Side, Subject
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.methods.whole import TRAINED
from backend.quantization import Int8, Nf4, NoQuantization
from backend.services.chat_errors import BaseMismatch, CheckpointGone, GivesScores
from backend.services.errors import AdapterUnreadable, NoAnswerYet
from backend.services.playground import Playground
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run

QUESTION = (ChatMessage(role="user", content="why?"),)
SUBJECT = Subject("a-run")
TUNED = Side("a-run")


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
        self.root = folder
        self.store = FakeRunStore(FakeClock())
        self.echo = Echo()
        self.playground = Playground(self.store, self.echo)  # type: ignore[arg-type]
        self.folder = self.add_run("a-run", "base_model: org/name\ndataset: x.jsonl\nmethod: qlora\n")

    def add_run(self, run_id: str, config: str = "base_model: org/name\ndataset: x.jsonl\n") -> RunDirectory:
        folder = RunDirectory(self.root / run_id)
        LocalRunFiles().create(folder.root, config)
        self.store.create(a_run(run_id, run_dir=folder.root, state=RunState.FINISHED))
        return folder

    def request(self, side: Side, settings: ChatSettings | None = None) -> ChatRequest:
        return self.playground.request(SUBJECT, side, QUESTION, settings or ChatSettings())


def add_adapter(folder: RunDirectory, base: str = "/models/base", step: int | None = None) -> Path:
    place = folder.adapter if step is None else folder.checkpoints / f"checkpoint-{step}"
    place.mkdir()
    (place / "adapter_model.safetensors").write_bytes(b"")
    (place / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    if step is not None:
        (place / MANIFEST).write_text(write_manifest_text(place, step))
    return place


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_all_sides_get_the_same_question_base_and_seed(scene: Scene) -> None:
    adapter, checkpoint = add_adapter(scene.folder), add_adapter(scene.folder, step=40)
    for side in (Side(), TUNED, Side("a-run", 40)):
        events = scene.playground.ask(SUBJECT, side, QUESTION, ChatSettings(seed=7))
        assert next(iter(events)) == Token("why?")
    asked = scene.echo.asked
    assert [one.adapter for one in asked] == [None, str(adapter), str(checkpoint)]
    assert {one.base_model for one in asked} == {"/models/base"}
    assert {one.sampling.seed for one in asked} == {7}
    assert all(isinstance(one.quantization, Nf4) for one in asked), "as the run was trained"


def test_the_weights_can_be_loaded_in_another_format_than_in_training(scene: Scene) -> None:
    add_adapter(scene.folder)
    assert isinstance(scene.request(TUNED, ChatSettings(quantization="none")).quantization, NoQuantization)
    told = scene.request(TUNED, ChatSettings(quantization="int8", device="cpu", template="studio"))
    assert isinstance(told.quantization, Int8)
    assert (told.device, told.template) == ("cpu", "studio")


def test_the_model_gets_the_trust_that_the_run_gave_it(scene: Scene) -> None:
    add_adapter(scene.folder)
    scene.folder.config.write_text(f"base_model: {{path: org/name, trusted_code: {'ab' * 32}}}\ndataset: x.jsonl\n")
    assert scene.request(TUNED).trusted_code == "ab" * 32


def test_results_of_other_runs_sit_beside_if_they_stand_on_the_same_base(scene: Scene, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    add_adapter(scene.folder, str(base))
    adapter = add_adapter(scene.add_run("other"), str(tmp_path / "other" / ".." / "base"))
    told = scene.request(Side("other"))
    assert (told.base_model, told.adapter) == (str(base), str(adapter))
    assert isinstance(told.quantization, Nf4), "all sides as the subject, so that the base is loaded once"


def test_an_adapter_of_another_base_is_refused_with_both_names(scene: Scene) -> None:
    add_adapter(scene.folder, "org/one")
    add_adapter(scene.add_run("other"), "org/two")
    with pytest.raises(BaseMismatch, match=r"org/two.*org/one"):
        scene.playground.check(SUBJECT, Side("other"))


def test_a_base_model_alone_can_be_asked(scene: Scene) -> None:
    told = scene.playground.request(Subject(model="org/base"), Side(), QUESTION, ChatSettings())
    assert (told.base_model, told.adapter) == ("org/base", None)


def test_a_whole_model_is_its_own_base(scene: Scene) -> None:
    scene.folder.model.mkdir()
    (scene.folder.model / "config.json").write_text("{}")
    assert scene.request(TUNED).base_model == str(scene.folder.model)
    assert scene.request(Side()).base_model == "org/name"


def add_whole(folder: RunDirectory, step: int | None = None) -> Path:
    place = folder.model if step is None else folder.checkpoints / f"checkpoint-{step}"
    place.mkdir()
    (place / ("config.json" if step is None else TRAINED)).write_text("{}")
    if step is not None:
        (place / MANIFEST).write_text(write_manifest_text(place, step))
    return place


def test_a_checkpoint_of_whole_weights_answers_on_its_base_before_and_beside_the_result(scene: Scene) -> None:
    folder = scene.add_run("whole", "base_model: {path: org/name, revision: r1}\ndataset: x.jsonl\nmethod: full\n")
    checkpoint = add_whole(folder, 20)
    assert scene.playground.can_ask("whole")
    assert scene.playground.steps("whole") == (20,)
    subject, side = Subject("whole"), Side("whole", 20)
    told = scene.playground.request(subject, side, QUESTION, ChatSettings())
    assert (told.base_model, told.adapter, told.revision) == ("org/name", str(checkpoint), "r1")
    result = add_whole(folder)
    told = scene.playground.request(subject, Side("whole"), QUESTION, ChatSettings())
    assert (told.base_model, told.adapter, told.revision) == (str(result), None, None)
    assert scene.playground.request(subject, side, QUESTION, ChatSettings()).adapter == str(checkpoint)


def test_whole_weights_beside_a_quantized_run_are_loaded_as_their_own_run_was(scene: Scene) -> None:
    add_adapter(scene.folder, "org/name")
    precision = "training: {precision: bfloat16}\n"
    folder = scene.add_run("whole", f"base_model: org/name\ndataset: x.jsonl\nmethod: full\n{precision}")
    add_whole(folder), add_whole(folder, 20)
    for side in (Side("whole"), Side("whole", 20)):
        told = scene.request(side)
        assert isinstance(told.quantization, NoQuantization)
        assert told.precision == "bfloat16"
        assert isinstance(scene.request(side, ChatSettings(quantization="int8")).quantization, Int8)
    assert isinstance(scene.request(Side()).quantization, Nf4)


def test_whole_weights_and_adapters_of_the_demo_model_stand_on_the_same_base(scene: Scene, tmp_path: Path) -> None:
    """run.yaml says demo, and adapters name the folder that the link of this name leads to."""
    (tmp_path / "models" / "demo-1").mkdir(parents=True)
    (tmp_path / "models" / "demo-0").mkdir()
    (tmp_path / "models" / "demo").symlink_to("demo-1")
    add_adapter(scene.folder, str(tmp_path / "models" / "demo-1"))
    folder = scene.add_run("whole", "base_model: demo\ndataset: x.jsonl\nmethod: full\n")
    add_whole(folder, 20)
    assert scene.request(Side("whole", 20)).base_model == "demo"
    assert scene.playground.request(Subject("whole"), TUNED, QUESTION, ChatSettings()).adapter
    (scene.folder.adapter / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(tmp_path / "models" / "demo-0")})
    )
    with pytest.raises(BaseMismatch):
        scene.request(Side("whole", 20))


@pytest.mark.parametrize("step", [None, 20])
@pytest.mark.parametrize("is_whole", [False, True])
def test_a_reward_model_is_not_asked_for_words(scene: Scene, is_whole: bool, step: int | None) -> None:
    add_adapter(scene.folder, "org/name")
    folder = scene.add_run("judge", "base_model: org/name\ndataset: x.jsonl\nmethod: full\nrecipe: reward\n")
    if is_whole:
        add_whole(folder, step)
    else:
        told = {"base_model_name_or_path": "org/name", "task_type": "SEQ_CLS"}
        (add_adapter(folder, step=step) / "adapter_config.json").write_text(json.dumps(told))
    with pytest.raises(GivesScores, match="judge"):
        scene.request(Side("judge", step))


def test_a_run_without_a_result_is_asked_by_its_checkpoints(scene: Scene) -> None:
    add_adapter(scene.folder, step=20)
    add_adapter(scene.folder, step=40)
    assert scene.playground.steps("a-run") == (40, 20)
    assert scene.request(Side("a-run", 20)).base_model == "/models/base"
    with pytest.raises(NoAnswerYet, match="finished"):
        scene.request(TUNED)


def test_what_can_be_asked_of_a_run_is_its_result_or_a_checkpoint_with_an_adapter(scene: Scene) -> None:
    folder = scene.add_run("young")
    assert not scene.playground.can_ask("young")
    add_adapter(folder, step=4)
    assert scene.playground.can_ask("young")
    add_adapter(scene.add_run("done"))
    assert scene.playground.can_ask("done")


def test_a_checkpoint_that_is_gone_or_holds_no_adapter_is_refused(scene: Scene) -> None:
    add_adapter(scene.folder)
    whole = scene.folder.checkpoints / "checkpoint-60"
    whole.mkdir()
    (whole / MANIFEST).write_text(write_manifest_text(whole, 60))
    for step in (40, 60):
        with pytest.raises(CheckpointGone, match=str(step)):
            scene.request(Side("a-run", step))


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_a_damaged_adapter_is_told(scene: Scene, text: str) -> None:
    add_adapter(scene.folder)
    (scene.folder.adapter / "adapter_config.json").write_text(text)
    with pytest.raises(AdapterUnreadable):
        scene.request(TUNED)
