"""ChatService over a real process that misbehaves on request."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

import tests.fakes.misbehaving_chat as misbehaving
from backend.domain.chat import ChatEvent, ChatMessage, ChatRequest, Done, Failed, Token
from backend.domain.conversation import Answer
from backend.executors.piped import MAX_LOG_BYTES, PipedProgram
from backend.services.chat import ChatService
from backend.services.chat_rounds import Cell, ChatRounds
from backend.services.chat_turn import Patience
from tests.acceptance.processes import is_gone
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.process
PROGRAM = (sys.executable, misbehaving.__file__)
PATIENCE = Patience(send_seconds=30.0, end_seconds=2.0, stop_seconds=60.0)


class RealClock(FakeClock):
    """Time that passes."""

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "chat.log"


@pytest.fixture
def chat(tmp_path: Path, log: Path) -> Iterator[ChatService]:
    program = PipedProgram(PROGRAM, cwd=tmp_path, log=log)
    service = ChatService(program=program, clock=RealClock(), models_folder=tmp_path, patience=PATIENCE)
    yield service
    service.close()


def ask(chat: ChatService, wish: str) -> list[ChatEvent]:
    return list(chat.generate(request(wish)))


def request(wish: str) -> ChatRequest:
    return ChatRequest(base_model="org/model", messages=(ChatMessage(role="user", content=wish),))


def text_of(events: list[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def test_a_crash_is_told_with_the_last_line_of_the_log_and_survived(chat: ChatService) -> None:
    failed = ask(chat, "crash")[-1]
    assert isinstance(failed, Failed)
    assert failed.error.id == "chat-crashed"
    assert "139" in failed.error.why
    assert "Segmentation fault, probably" in failed.error.why
    assert text_of(ask(chat, "and now?")) == "first and now?"


def test_a_kill_from_outside_is_told_as_one(chat: ChatService) -> None:
    failed = ask(chat, "die")[-1]
    assert isinstance(failed, Failed)
    assert "signal 9" in failed.error.why


def test_what_libraries_print_does_not_become_part_of_the_answer(chat: ChatService) -> None:
    events = ask(chat, "garbage")
    assert text_of(events) == "first "
    assert isinstance(events[-1], Done)


def test_huge_lines_are_passed_on_or_dropped_whole(chat: ChatService) -> None:
    events = ask(chat, "huge")
    assert text_of(events) == "first " + "y" * 200_000
    assert isinstance(events[-1], Done)


def test_more_lines_than_anybody_reads_at_once_all_arrive(chat: ChatService) -> None:
    events = chat.generate(request("many"))
    first = [next(events) for _ in range(3)]
    time.sleep(1)  # the queue fills up and the process has to wait
    assert text_of([*first, *events]) == "first " + "z" * 29_998


def test_a_process_that_closes_its_output_counts_as_ended(chat: ChatService) -> None:
    failed = ask(chat, "close stdout")[-1]
    assert isinstance(failed, Failed)
    assert failed.error.id == "chat-crashed"
    assert text_of(ask(chat, "next")) == "first next"


def test_a_long_answer_is_stopped_by_another_thread(chat: ChatService) -> None:
    asked = request("until stopped")
    events = chat.generate(asked)
    while not isinstance(next(events), Token):
        continue
    chat.stop(asked.id)
    end = list(events)[-1]
    assert isinstance(end, Done)
    assert end.finish_reason == "stopped"
    assert text_of(ask(chat, "next")) == "first next"


def test_closing_the_stream_stops_the_answer_in_the_process(chat: ChatService) -> None:
    events = chat.generate(request("until stopped"))
    while not isinstance(next(events), Token):
        continue
    pid = chat.status().pid
    events.close()
    assert text_of(ask(chat, "next")) == "first next"
    assert chat.status().pid == pid


def test_a_hanging_process_is_killed_when_its_answer_is_stopped(tmp_path: Path, log: Path) -> None:
    program = PipedProgram(PROGRAM, cwd=tmp_path, log=log)
    patience = Patience(stop_seconds=0.3, end_seconds=0.3)
    chat = ChatService(program=program, clock=RealClock(), models_folder=tmp_path, patience=patience)
    asked = request("hang")
    events = chat.generate(asked)
    while not isinstance(next(events), Token):
        continue
    pid = chat.status().pid
    assert pid is not None
    chat.stop(asked.id)
    end = list(events)[-1]
    assert isinstance(end, Done)
    assert wait_until(lambda: not psutil.pid_exists(pid))


def test_a_stopped_process_cannot_block_who_talks_to_it(tmp_path: Path, log: Path) -> None:
    program = PipedProgram(PROGRAM, cwd=tmp_path, log=log)
    child = program.start({})
    try:
        os.kill(child.pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            child.send("x" * 5_000_000, 0.2)
    finally:
        child.end(0)


def test_close_leaves_no_process(chat: ChatService) -> None:
    ask(chat, "hello")
    pid = chat.status().pid
    assert pid is not None
    assert chat.status().memory_bytes
    chat.close()
    assert not psutil.pid_exists(pid)


def test_the_log_starts_anew_when_it_is_long(chat: ChatService, log: Path) -> None:
    log.parent.mkdir(parents=True)
    log.write_bytes(b"old\n" * MAX_LOG_BYTES)
    ask(chat, "crash")
    assert log.read_text() == "Segmentation fault, probably\n"


PARENT = """
import sys, time
from pathlib import Path
from backend.domain.conversation import Answer
from backend.executors.piped import PipedProgram
folder = Path(sys.argv[1])
child = PipedProgram(tuple(sys.argv[2:]), cwd=folder, log=folder / "log").start({})
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_killed_parent_leaves_no_child(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        (sys.executable, "-c", PARENT, str(tmp_path), *PROGRAM), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert child.is_running()
    parent.kill()
    parent.wait(30)
    parent.stdout.close()
    assert wait_until(lambda: is_gone(child.pid))


def test_a_round_in_the_background_is_stopped_in_the_middle_of_an_answer(chat: ChatService) -> None:
    kept: list[Answer] = []
    rounds = ChatRounds(chat, RealClock())
    cells = [Cell(row, "base", lambda: request("until stopped")) for row in range(2)]
    rounds.begin("key", cells, lambda _row, _side, answer: kept.append(answer))
    version = 0
    while (state := rounds.wait("key", version, 30.0)) is not None and not any(a.text for a in state.answers.values()):
        version = state.version
    rounds.stop("key")
    assert wait_until(lambda: rounds.look("key") is None)
    (answer,) = kept
    assert answer.finish == "stopped"
    assert answer.text.startswith("first ")
    assert text_of(ask(chat, "next")) == "first next"


def test_memory_device_and_time_to_the_first_token_come_through_the_pipe(chat: ChatService) -> None:
    done = ask(chat, "figures")[-1]
    assert isinstance(done, Done)
    assert done.first_token_seconds == 0.05
    status = chat.status()
    assert (status.model_bytes, status.device) == (123, "cpu")
