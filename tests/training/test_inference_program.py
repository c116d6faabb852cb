"""`python -m backend.inference` as it is really started, with a real tiny model."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from backend.domain.chat import ChatEvent, ChatMessage, ChatRequest, Done, Failed, Sampling, Token
from backend.domain.chat_lines import READY, order_line
from backend.executors.piped import PipedChild, PipedProgram
from backend.probes.clock import SystemClock
from backend.services.chat import ChatService
from backend.services.chat_turn import Patience
from tests.acceptance.processes import is_gone
from tests.fakes.tiny_models import tiny_model

pytestmark = [pytest.mark.training, pytest.mark.process]
CORPUS = ["The harbour of Avel is Port Selm. Grüße! 你好"] * 5
GREEDY = Sampling(max_new_tokens=8, temperature=0.0)
ENDLESS = Sampling(max_new_tokens=32_000, temperature=2.0, top_p=1.0, top_k=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reads so much and ends so rarely that an answer takes minutes."""
    folder = tmp_path_factory.mktemp("models") / "llama"
    tiny_model(folder, "llama", CORPUS, max_position_embeddings=40_000)
    (folder / "generation_config.json").write_text("{}")
    return folder


def program(folder: Path, idle_seconds: float = 600.0) -> PipedProgram:
    argv = (sys.executable, "-m", "backend.inference", "--idle-seconds", str(idle_seconds))
    return PipedProgram(argv, cwd=folder, log=folder / "inference.log")


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatService]:
    """One process for several tests: its start takes longer than all that they ask."""
    folder = tmp_path_factory.mktemp("chat")
    service = ChatService(
        program=program(folder), clock=SystemClock(), models_folder=folder, patience=Patience(stop_seconds=60.0)
    )
    yield service
    service.close()


def request(base: Path, sampling: Sampling = GREEDY) -> ChatRequest:
    message = ChatMessage(role="user", content="Which harbour?")
    return ChatRequest(base_model=str(base), messages=(message,), sampling=sampling)


def tokens(events: Iterator[ChatEvent], count: int) -> list[Token]:
    found: list[Token] = []
    while len(found) < count:
        event = next(events)
        assert not isinstance(event, Failed), event
        if isinstance(event, Token):
            found.append(event)
    return found


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def wait_for_ready(child: PipedChild) -> None:
    for _ in range(600):
        if child.receive(0.5) == READY:
            return
    pytest.fail(f"never ready: {child.last_words()}")


def test_a_question_is_answered_and_the_same_process_answers_the_next(chat: ChatService, base: Path) -> None:
    first = list(chat.generate(request(base)))
    assert isinstance(first[-1], Done), first[-1]
    status = chat.status()
    assert status.is_loaded
    assert status.base_model == str(base)
    assert status.memory_bytes is not None
    assert status.memory_bytes > 50_000_000
    second = list(chat.generate(request(base)))
    assert chat.status().pid == status.pid
    said = [[event for event in events if isinstance(event, Token)] for events in (first, second)]
    assert said[0] == said[1]


def test_a_long_answer_can_be_stopped_left_and_unloaded(chat: ChatService, base: Path) -> None:
    asked = request(base, ENDLESS)
    events = chat.generate(asked)
    tokens(events, 3)
    chat.stop(asked.id)
    end = list(events)[-1]
    assert isinstance(end, Done)
    assert end.finish_reason == "stopped"
    pid = chat.status().pid
    events = chat.generate(request(base, ENDLESS))
    tokens(events, 3)
    events.close()
    assert isinstance(list(chat.generate(request(base)))[-1], Done)
    assert chat.status().pid == pid
    chat.unload()
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_a_refusal_of_the_model_reaches_the_person_and_the_process_stays(chat: ChatService, tmp_path: Path) -> None:
    (failed,) = [e for e in chat.generate(request(tmp_path / "nothing")) if isinstance(e, Failed)]
    assert failed.error.id == "model-not-found"
    assert "nothing" in failed.error.what
    assert chat.status().pid is not None


@pytest.mark.usefixtures("untraced_programs")
def test_it_ends_within_seconds_when_its_input_ends_whatever_it_does(tmp_path: Path, base: Path) -> None:
    while_importing = program(tmp_path).start({})
    idle, answering = program(tmp_path).start({}), program(tmp_path).start({})
    wait_for_ready(idle)
    wait_for_ready(answering)
    answering.send(order_line(request(base, ENDLESS)), 10)
    while '"token"' not in (answering.receive(60) or ""):
        continue
    for child in (while_importing, idle, answering):
        child.end(grace_seconds=60)
        assert child.exit_code == 0


@pytest.mark.usefixtures("untraced_programs")
def test_an_idle_process_goes_home_in_order_and_is_started_again(tmp_path: Path, base: Path) -> None:
    child = program(tmp_path, idle_seconds=0.2).start({})
    assert wait_until(lambda: child.exit_code is not None, 120)
    assert child.exit_code == 0, child.last_words()
    service = ChatService(program=program(tmp_path, idle_seconds=0.2), clock=SystemClock(), models_folder=tmp_path)
    for _ in range(2):
        assert isinstance(list(service.generate(request(base)))[-1], Done)
        assert wait_until(lambda: service.status().pid is None, 120)
    service.close()


PARENT = """
import sys
from pathlib import Path
from backend.domain.chat import ChatMessage, ChatRequest, Sampling, Token
from backend.executors.piped import PipedProgram
from backend.probes.clock import SystemClock
from backend.services.chat import ChatService
from backend.services.chat_turn import Patience

folder, base = map(Path, sys.argv[1:])
piped = PipedProgram((sys.executable, "-m", "backend.inference"), cwd=folder, log=folder / "log")
chat = ChatService(program=piped, clock=SystemClock(), models_folder=folder)
endless = Sampling(max_new_tokens=32_000, temperature=2.0, top_p=1.0, top_k=0)
asked = ChatRequest(
    base_model=str(base), messages=(ChatMessage(role="user", content="Hm?"),), sampling=endless
)
told = False
for event in chat.generate(asked):
    if isinstance(event, Token) and not told:
        print(chat.status().pid, "torch" in sys.modules, flush=True)
        told = True
"""


@pytest.mark.usefixtures("untraced_programs")
def test_a_killed_dashboard_leaves_no_process_and_never_imported_torch(tmp_path: Path, base: Path) -> None:
    parent = subprocess.Popen(
        (sys.executable, "-c", PARENT, str(tmp_path), str(base)), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid, has_torch = parent.stdout.readline().split()
    assert has_torch == "False"
    child = psutil.Process(int(pid))
    assert child.is_running()
    parent.kill()
    parent.wait(30)
    parent.stdout.close()
    assert wait_until(lambda: is_gone(child.pid), 60)
