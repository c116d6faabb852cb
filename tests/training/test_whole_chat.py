"""Runs that train the model's own weights answer in Chat with those weights: by real training and the real program."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatMessage, Done, Token
from backend.domain.chat_sides import Side, Subject
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.executors.piped import PipedProgram
from backend.probes.clock import SystemClock
from backend.services.chat import ChatService
from backend.services.playground import Playground
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run
from tests.training.runs import MakeRun, Room, attempt_here

pytestmark = [pytest.mark.training, pytest.mark.process]
QUESTION = (ChatMessage(role="user", content="What is 3 plus 4?"),)
GREEDY = ChatSettings(max_new_tokens=16, temperature=0.0)
METHODS: dict[str, dict[str, Any]] = {"full": {"name": "full"}, "freeze": {"name": "freeze", "last_blocks": 1}}


@pytest.fixture(scope="module", params=METHODS)
def run(request: pytest.FixtureRequest, room: Room, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A finished run with a checkpoint in the middle and one of its last step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEFT_STUDIO_THREADS", "1")
        training = {"max_steps": 12, "save_steps": 6, "learning_rate": 5e-3}
        make = MakeRun(room, tmp_path_factory.mktemp("whole"))
        made = make(request.param, method=METHODS[request.param], training=training)
        attempt_here(made)
    return made


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatService]:
    folder = tmp_path_factory.mktemp("chat")
    program = PipedProgram((sys.executable, "-m", "backend.inference"), cwd=folder, log=folder / "inference.log")
    service = ChatService(program=program, clock=SystemClock(), models_folder=folder)
    yield service
    service.close()


@pytest.fixture
def playground(run: RunDirectory, chat: ChatService) -> Playground:
    store = FakeRunStore(FakeClock())
    store.create(a_run("whole", run_dir=run.root, state=RunState.FINISHED))
    return Playground(store, chat)


def answer(playground: Playground, side: Side) -> str:
    events = list(playground.ask(Subject("whole"), side, QUESTION, GREEDY))
    assert isinstance(events[-1], Done), events[-1]
    return "".join(event.text for event in events if isinstance(event, Token))


def plainly(model: Any, folder: Path) -> str:
    """What transformers alone answers."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    told = [message.model_dump() for message in QUESTION]
    ids = tokenizer.apply_chat_template(told, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    output = model.eval().generate(**ids, max_new_tokens=16, do_sample=False)
    return str(tokenizer.decode(output[0, ids["input_ids"].shape[1] :], skip_special_tokens=True))


def test_result_and_checkpoints_answer_with_the_weights_that_were_trained(
    run: RunDirectory, room: Room, chat: ChatService, playground: Playground
) -> None:
    base = AutoModelForCausalLM.from_pretrained(room.models["llama"])
    halfway = AutoModelForCausalLM.from_pretrained(room.models["llama"])
    halfway.load_state_dict(load_file(run.checkpoints / "checkpoint-6" / "trained.safetensors"), strict=False)
    result = AutoModelForCausalLM.from_pretrained(run.model)
    of_base, of_halfway, of_result = (plainly(model, run.model) for model in (base, halfway, result))
    assert len({of_base, of_halfway, of_result}) == 3
    assert playground.steps("whole") == (12, 6)
    expected = {Side("whole", 6): of_halfway, Side("whole", 12): of_result, Side(): of_base, Side("whole"): of_result}
    for side in (*expected, *reversed(expected)):
        assert answer(playground, side) == expected[side], side
        assert chat.status().model_bytes == result.get_memory_footprint(), "of the whole model, not of what was trained"
