"""Chat, drawn from real folders, with a chat program that is scripted."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from dependency_injector.providers import Object
from streamlit.testing.v1 import AppTest

from backend.containers import StudioContainer
from backend.domain.chat import ChatEvent, ChatPhase, ChatRequest, Done, Progress, Token
from backend.domain.chat_lines import event_line, parse_order
from backend.domain.chat_sides import Subject
from backend.domain.conversation import Answer
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.domain.transition import Arrangement
from backend.methods.whole import TRAINED
from backend.services.bundle import Services
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.run_files import LocalRunFiles
from tests.app.conftest import open_page
from tests.fakes.clock import FakeClock
from tests.fakes.lines import Said, ScriptedProgram
from tests.fakes.runs import a_run

EVIL = "![x](http://127.0.0.1:9/beacon) <b>:red[x]</b>"
SUBJECT = Subject("mine")


def add_run(
    studio: StudioContainer, run_id: str, base: str = "/m", *, is_tuned: bool = True, **facts: object
) -> RunDirectory:
    folder = RunDirectory(studio.settings().runs_folder / run_id)
    LocalRunFiles().create(folder.root, "base_model: org/name\ndataset: x.jsonl\n")
    given = {"state": RunState.FINISHED, "wish": Wish.STOP, "name": f"Run {run_id}"} | facts
    studio.store().create(a_run(run_id, run_dir=folder.root, **given))
    if is_tuned:
        add_adapter(folder.adapter, base)
    return folder


def add_adapter(place: Path, base: str = "/m", step: int | None = None) -> None:
    place.mkdir(parents=True)
    (place / "adapter_model.safetensors").write_bytes(b"")
    (place / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}))
    if step is not None:
        (place / MANIFEST).write_text(write_manifest_text(place, step))


def add_checkpoint(folder: RunDirectory, step: int) -> None:
    add_adapter(folder.checkpoints / f"checkpoint-{step}", step=step)


class Model:
    """The scripted chat program: it records questions, and answers with what it is told to say."""

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []
        self.say: Callable[[ChatRequest], str | int] = lambda request: f"re: {request.messages[-1].content}"
        self.program = ScriptedProgram(self._reply, FakeClock())

    def _reply(self, line: str) -> list[Said]:
        order = parse_order(line)
        if not isinstance(order, ChatRequest):
            return []
        self.asked.append(order)
        said = self.say(order)
        loaded = Progress(ChatPhase.LOADED, "m", 3 * 2**20, "cpu")
        events: list[ChatEvent] = [loaded, Progress(ChatPhase.READING, "the model's")]
        if isinstance(said, int):
            return [*(event_line(order.id, event) for event in events), said]
        events += [Token(said, 4), Done(4, 2.0, "eos", 0.25)]
        return [event_line(order.id, event) for event in events]


@pytest.fixture
def model(studio: StudioContainer) -> Model:
    told = Model()
    studio.inference.override(Object(told.program))
    return told


@pytest.fixture
def services(studio: StudioContainer, model: Model) -> Services:
    return studio.services()


def ask(at: AppTest, question: str) -> AppTest:
    return at.chat_input[0].set_value(question).run()


def beside(at: AppTest) -> list[str]:
    """What the address says."""
    found = at.query_params.get("with", [])
    return [found] if isinstance(found, str) else list(found)


def said(at: AppTest) -> list[str]:
    return [found.value for found in at.code]


def captions(at: AppTest) -> str:
    return "\n".join(found.value.replace("\\", "") for found in at.caption)


def test_without_a_tuned_model_chat_says_how_to_get_one(services: Services) -> None:
    at = open_page("chat")
    assert not at.exception
    assert at.header[0].value == "No tuned model to ask yet"
    assert at.button(key="chat-start").click().run().title[0].value == "Train"


def test_a_question_is_answered_by_base_and_run_with_measured_figures(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    at = ask(open_page("chat", run="mine"), EVIL)
    assert not at.exception
    assert said(at) == [f"re: {EVIL}", f"re: {EVIL}"]
    assert [one.adapter is None for one in model.asked] == [True, False]
    assert "4 tokens, 2.0 tokens per second, first token after 0.25 s, ended by the model." in captions(at)
    assert "takes 3 MiB on cpu" in captions(at)
    assert "after 10 min without a question" in captions(at)
    assert EVIL not in "\n".join(str(e.value) for kind in ("markdown", "caption") for e in at.get(kind))
    assert said(open_page("chat", run="mine")) == said(at), "a reload shows the same"


def test_the_next_question_carries_the_history_of_each_side_and_the_system_prompt(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    at = open_page("chat", run="mine")
    at.text_area(key="chat-system").set_value("Be brief.").run()
    model.say = lambda request: "base says" if request.adapter is None else "run says"
    ask(ask(at, "one"), "two")
    assert [[m.content for m in one.messages] for one in model.asked[2:]] == [
        ["Be brief.", "one", "base says", "two"],
        ["Be brief.", "one", "run says", "two"],
    ]


def test_an_address_restores_checkpoints_and_other_runs_beside_each_other(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    folder = add_run(studio, "mine", name=EVIL)
    add_checkpoint(folder, 40)
    add_run(studio, "other")
    at = open_page("chat", run="mine", **{"with": ["run:mine@checkpoint-40", "run:other", "base"]})
    assert not at.exception
    assert at.multiselect(key="chat-beside").value == ["base", "run:mine@checkpoint-40", "run:other"]
    ask(at, "hm")
    names = [Path(one.adapter).name if one.adapter else "base" for one in model.asked]
    assert names == ["base", "adapter", "checkpoint-40", "adapter"]
    assert len({one.sampling.seed for one in model.asked}) == 1
    assert beside(at) == ["base", "run:mine@checkpoint-40", "run:other"]


def test_checkpoints_and_the_result_of_a_whole_model_are_offered_and_told_as_such(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    folder = add_run(studio, "mine", is_tuned=False, method="full", state=RunState.RUNNING, wish=Wish.RUN)
    folder.config.write_text("base_model: org/name\ndataset: x.jsonl\nmethod: full\n")
    at = open_page("chat", run="mine")
    assert not at.chat_input
    for step in (20, 40):
        place = folder.checkpoints / f"checkpoint-{step}"
        place.mkdir()
        (place / TRAINED).write_bytes(b"")
        (place / MANIFEST).write_text(write_manifest_text(place, step))
    ask(open_page("chat", run="mine"), "hm")
    assert [one.adapter and Path(one.adapter).name for one in model.asked] == [None, "checkpoint-40"]
    folder.model.mkdir()
    (folder.model / "config.json").write_text("{}")
    at = open_page("chat", run="mine", **{"with": ["run:mine@checkpoint-20", "base"]})
    offered = at.multiselect(key="chat-beside").options
    assert offered == ["Base model", "Run mine, step 40, whole model", "Run mine, step 20, whole model"]
    ask(at, "hm")
    assert [one.base_model for one in model.asked[2:]] == ["org/name", str(folder.model), "org/name"]
    assert "**Run mine, whole model**" in [found.value for found in at.markdown]


def test_who_sits_beside_is_chosen_on_the_page_and_written_into_the_address(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_checkpoint(add_run(studio, "mine"), 40)
    at = open_page("chat", run="mine")
    at.multiselect(key="chat-beside").set_value(["run:mine@checkpoint-40"]).run()
    assert beside(at) == ["run:mine@checkpoint-40"]
    at.multiselect(key="chat-beside").set_value([]).run()
    assert beside(at) == ["none"]
    ask(at, "hm")
    assert len(model.asked) == 1


def test_an_adapter_of_another_base_is_refused_with_the_reason(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    add_run(studio, "foreign", "/another")
    at = open_page("chat", run="mine", **{"with": ["run:foreign", "run:gone", "nonsense"]})
    assert not at.exception
    told = "\n".join(found.value for found in at.warning).replace("\\", "")
    assert "It was trained on /another, and the others stand on /m." in told
    assert "run:gone" in told or "gone" in told
    assert "nonsense" in told
    assert "nonsense" in at.run().warning[0].value, "until somebody chooses"
    ask(at, "hm")
    assert len(model.asked) == 1


def test_a_base_model_alone_can_be_asked_by_its_address(services: Services, model: Model) -> None:
    at = ask(open_page("chat", model="org/base"), "hm")
    assert not at.exception
    assert [(one.base_model, one.adapter) for one in model.asked] == [("org/base", None)]


def test_a_crash_is_told_and_asking_again_starts_a_new_program(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    model.say = lambda _request: -9
    at = ask(open_page("chat", run="mine", **{"with": "none"}), "hm")
    assert not at.exception
    assert "killed" in at.error[0].value
    assert "memory runs out" in at.error[0].value
    model.say = lambda _request: "better"
    at.button(key="chat-retry").click().run()
    assert said(at) == ["better"]
    assert len(model.program.children) == 2


def test_regenerating_takes_another_seed_and_editing_replaces_the_question(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    at = ask(open_page("chat", run="mine", **{"with": "none"}), "hm")
    at.button(key="chat-regenerate").click().run()
    assert [one.sampling.seed for one in model.asked] == [42, 43]
    next(area for area in at.text_area if area.label == "The last question").set_value("ah").run()
    at.button(key="chat-ask-otherwise").click().run()
    (turn,) = services.chat_desk.conversations.load(SUBJECT).turns
    assert (turn.question, turn.seed) == ("ah", 42)
    assert [m.content for m in model.asked[-1].messages] == ["ah"]


def test_a_cleared_conversation_can_be_brought_back(studio: StudioContainer, services: Services, model: Model) -> None:
    add_run(studio, "mine")
    at = ask(open_page("chat", run="mine"), "hm")
    at.button(key="chat-clear").click().run()
    assert said(at) == []
    at.button(key="chat-undo").click().run()
    assert said(at) == ["re: hm", "re: hm"]


def test_two_knobs_turned_before_the_page_answers_both_count(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    """A browser sends a field that loses the focus together with the click that took it."""
    add_run(studio, "mine")
    at = open_page("chat", run="mine", **{"with": "none"})
    at.text_area(key="chat-stop").set_value("###")
    at.selectbox(key="chat-quantization").set_value("int8")
    at.slider(key="chat-temperature").set_value(1.0).run()
    ask(at, "hm")
    sampling, quantization = model.asked[0].sampling, model.asked[0].quantization
    assert (sampling.stop, sampling.temperature, quantization.name) == (("###",), 1.0, "int8")


def test_sampling_reaches_the_model_and_is_kept_under_a_name(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    at = open_page("chat", run="mine", **{"with": "none"})
    at.selectbox(key="chat-preset").set_value("Likeliest").run()
    assert at.slider(key="chat-temperature").value == 0.0
    at.text_area(key="chat-stop").set_value("###\n\nEnd\n###").run()
    at.selectbox(key="chat-quantization").set_value("int8").run()
    at.text_input(key="chat-preset-name").set_value(EVIL[:50]).run()
    at.button(key="chat-preset-keep").click().run()
    assert not at.exception
    ask(at, "hm")
    assert model.asked[0].sampling.stop == ("###", "End")
    assert (model.asked[0].sampling.temperature, model.asked[0].quantization.name) == (0.0, "int8")
    assert at.button(key="chat-regenerate").disabled, "without chance another seed changes nothing"
    assert open_page("chat", run="mine").slider(key="chat-temperature").value == 0.0


def test_a_run_on_the_same_device_is_asked_for_before_a_model_is_loaded(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    add_run(studio, "busy", is_tuned=False, name=EVIL, state=RunState.RUNNING, wish=Wish.RUN)
    studio.store().arrange(studio.store().version(), Arrangement(grants={"busy": ("cpu:0",)}))
    at = ask(open_page("chat", run="mine"), "hm")
    assert not at.exception
    assert model.asked == []
    assert "trains on the processor now" in at.warning[0].value.replace("\\", "")
    assert EVIL not in at.warning[0].value
    again = open_page("chat", run="mine")
    assert next(area for area in again.text_area if "not asked yet" in area.label).value == "hm", "kept over a reload"
    assert again.button(key="chat-ask-held").disabled
    again.button(key="chat-agree").click().run()
    again.button(key="chat-ask-held").click().run()
    assert said(again) == ["re: hm", "re: hm"]
    assert "holds" in again.info[0].value
    again.button(key="chat-make-way").click().run()
    assert services.chat.status().pid is None


def test_train_tells_what_the_chat_holds_where_the_run_would_be(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    assert "train-unload-chat" not in [button.key for button in open_page("train", preset="demo").button]
    ask(open_page("chat", run="mine"), "hm")
    at = open_page("train", preset="demo")
    assert not at.exception
    assert any("Chat holds 3 MiB of memory of the machine" in info.value for info in at.info)
    at.button(key="train-unload-chat").click().run()
    assert services.chat.status().pid is None
    assert "train-unload-chat" not in [button.key for button in at.button]


def test_monitor_leads_to_chat_as_soon_as_there_is_a_checkpoint(studio: StudioContainer, services: Services) -> None:
    for run_id in ("new", "early"):
        folder = add_run(studio, run_id, is_tuned=False, state=RunState.PAUSED, wish=Wish.PAUSE)
    add_checkpoint(folder, 5)
    assert "next-chat" not in [button.key for button in open_page("monitor", run="new").button]
    at = open_page("monitor", run="early")
    assert at.button(key="next-chat").label == "Ask its last checkpoint"
    at.button(key="next-chat").click().run()
    assert at.title[0].value == "Chat"
    assert at.query_params["run"] in ("early", ["early"])
    assert at.chat_input


def test_a_set_of_prompts_is_put_to_all_sides_and_judged_blind(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    services.chat_desk.prompts.write("two", ["first?", "second?"])
    model.say = lambda request: f"{'base' if request.adapter is None else 'run'} {request.messages[-1].content}"
    at = open_page("chat", run="mine", section="Prompt sets", set="two")
    assert not at.exception
    at.button(key="chat-set-run").click().run()
    assert not at.exception
    (result_id,) = services.chat_desk.prompts.results()
    assert at.query_params["result"] in (result_id, [result_id])
    assert services.chat_desk.prompts.result(result_id).num_answers == 4
    assert at.dataframe[0].value["1"].tolist() == ["run first?", "run second?"]
    at.segmented_control(key="chat-look").set_value("Judge two blind").run()
    assert not at.dataframe, "a table with names would tell whose answers they are"
    assert sorted(said(at)) == ["base first?", "run first?"]
    at.button(key="chat-vote-first" if said(at)[0].startswith("run") else "chat-vote-second").click().run()
    at.button(key="chat-vote-same").click().run()
    assert {metric.label: metric.value for metric in at.metric}["No difference"] == "1 of 2"
    assert "Run mine preferred" in {metric.label for metric in at.metric if metric.value == "1 of 2"}


def test_own_prompt_sets_are_made_and_thrown_away_on_the_page(
    studio: StudioContainer, services: Services, model: Model
) -> None:
    add_run(studio, "mine")
    at = open_page("chat", run="mine", section="Prompt sets")
    at.text_input(key="chat-set-name").set_value("Not a name").run()
    at.text_area(key="chat-set-text").set_value("one\ntwo").run()
    at.button(key="chat-set-keep").click().run()
    assert "was not kept" in at.error[0].value
    at.text_input(key="chat-set-name").set_value("mine").run()
    at.button(key="chat-set-keep").click().run()
    assert services.chat_desk.prompts.read("mine") == ("one", "two")
    at.button(key="chat-set-delete-yes").click().run()
    assert not at.exception
    assert services.chat_desk.prompts.names() == ("first-look",)


def test_what_was_never_answered_says_so(studio: StudioContainer, services: Services) -> None:
    """The studio was killed while the models answered."""
    add_run(studio, "mine")
    services.chat_desk.conversations.change(
        SUBJECT, lambda old: old.asked("hm", 1, {}).answered("base", Answer(text="y"))
    )
    services.chat_desk.conversations.change(SUBJECT, lambda old: old.asked("and?", 1, {}))
    at = open_page("chat", run="mine")
    assert not at.exception
    assert "cut off" in captions(at)
    assert "Not answered" in captions(at)
    assert "Base model did not answer 2 of these questions" in captions(at)
    assert at.button(key="chat-retry").label == "Ask again"
