"""The inference program without a model: its inbox, its outbox, and what becomes of errors."""

import json
import os
import threading
from collections.abc import Callable, Iterator

import pytest

from backend.domain.chat import ChatEvent, ChatMessage, ChatRequest, Failed, Token
from backend.domain.chat_lines import READY, Stop, order_line, parse_event
from backend.domain.errors import ModelNotFound
from backend.inference import inbox as inbox_module
from backend.inference.__main__ import _serve
from backend.inference.inbox import Inbox
from backend.inference.outbox import Outbox, claim_stdout


class Pipe:
    """Both ends of a pipe, closed at the end of the test."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self._open = {self.reader, self.writer}

    def write(self, *lines: str | bytes) -> None:
        for line in lines:
            os.write(self.writer, (line if isinstance(line, bytes) else line.encode()) + b"\n")

    def close(self, *ends: int) -> None:
        for end in set(ends) & self._open:
            self._open.remove(end)
            os.close(end)

    def text(self) -> str:
        """All that was written; the writing end is closed first."""
        self.close(self.writer)
        with os.fdopen(os.dup(self.reader), "rb") as file:
            return file.read().decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close(made.reader, made.writer)


def request(text: str = "hello") -> ChatRequest:
    return ChatRequest(base_model="org/model", messages=(ChatMessage(role="user", content=text),))


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Instead of ending this process. Waits until it would have ended."""
    codes: list[int] = []
    ended = threading.Event()

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    monkeypatch.setattr(inbox_module.os, "_exit", end)
    monkeypatch.setattr(inbox_module, "GRACE_SECONDS", 0.01)
    yield codes
    assert ended.wait(30)


def started(pipe: Pipe) -> Inbox:
    inbox = Inbox(pipe.reader)
    inbox.start()
    return inbox


def test_requests_come_out_in_order_and_noise_does_not(pipe: Pipe, exits: list[int]) -> None:
    inbox = started(pipe)
    first, second = request("first"), request("second " + "long " * 30_000)
    writer = threading.Thread(
        target=pipe.write, args=("noise", b"\xff\xfe", order_line(first), "{}", order_line(second))
    )
    writer.start()
    assert inbox.next(30) == first
    assert inbox.next(30) == second
    writer.join(30)
    pipe.close(pipe.writer)


def test_silence_is_the_end_of_an_idle_program(pipe: Pipe, exits: list[int]) -> None:
    assert started(pipe).next(0.01) is None
    pipe.close(pipe.writer)


def test_a_stop_is_seen_for_its_request_only(pipe: Pipe, exits: list[int]) -> None:
    inbox = started(pipe)
    wanted, unwanted = request(), request()
    pipe.write(order_line(Stop(unwanted.id)), order_line(wanted))
    assert inbox.next(30) == wanted
    assert inbox.is_stopped(unwanted.id)
    assert not inbox.is_stopped(wanted.id)
    pipe.close(pipe.writer)


def test_the_end_of_the_input_stops_everything_and_ends_the_program(pipe: Pipe, exits: list[int]) -> None:
    inbox = started(pipe)
    pipe.close(pipe.writer)
    assert inbox.next(30) is None
    assert inbox.is_stopped("whatever")
    while not exits:
        threading.Event().wait(0.01)
    assert exits == [0]


def test_what_is_said_is_one_line_each(pipe: Pipe) -> None:
    outbox = Outbox(pipe.writer)
    outbox.ready()
    outbox.say("a", Token("two\nlines 🌍", 3))
    ready, token = pipe.text().splitlines()
    assert ready == READY
    assert parse_event(token) == ("a", Token("two\nlines 🌍", 3))


def test_standard_output_belongs_to_the_protocol(capfd: pytest.CaptureFixture[str]) -> None:
    saved = os.dup(1)
    try:
        outbox = claim_stdout()
        os.write(1, b"a library speaks\n")
        outbox.ready()
    finally:
        os.dup2(saved, 1)
        os.close(saved)
    captured = capfd.readouterr()
    assert captured.out == READY + "\n"
    assert captured.err == "a library speaks\n"


class RaisingEngine:
    """Says one token, then raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.num_unloads = 0
        self.seen: list[tuple[ChatRequest, bool]] = []

    def answer(self, asked: ChatRequest, say: Callable[[ChatEvent], None], is_stopped: Callable[[], bool]) -> None:
        self.seen.append((asked, is_stopped()))
        say(Token("half", 1))
        raise self.error

    def unload(self) -> None:
        self.num_unloads += 1


@pytest.mark.parametrize(
    ("error", "error_id", "num_unloads"),
    [
        (ModelNotFound(path="x", why="y"), "model-not-found", 0),
        (MemoryError(), "chat-out-of-memory", 1),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "chat-out-of-memory", 1),
        (ZeroDivisionError("oops"), "chat-unexpected", 1),
    ],
)
def test_whatever_goes_wrong_is_an_answer(pipe: Pipe, error: Exception, error_id: str, num_unloads: int) -> None:
    engine, asked = RaisingEngine(error), request()
    _serve(engine, asked, Inbox(pipe.reader), Outbox(pipe.writer))  # type: ignore[arg-type]  # a double
    half, failed = (parse_event(line) for line in pipe.text().splitlines())
    assert half == (asked.id, Token("half", 1))
    assert failed is not None
    assert isinstance(failed[1], Failed)
    assert failed[1].error.id == error_id
    assert engine.num_unloads == num_unloads
    assert engine.seen == [(asked, False)]


def test_an_unexpected_error_is_named(pipe: Pipe) -> None:
    _serve(RaisingEngine(ZeroDivisionError("oops")), request(), Inbox(pipe.reader), Outbox(pipe.writer))  # type: ignore[arg-type]  # a double
    failed = json.loads(pipe.text().splitlines()[-1])
    assert failed["why"] == "ZeroDivisionError: oops"


def test_without_a_reader_there_is_no_answer_to_give(pipe: Pipe) -> None:
    with pytest.raises(BrokenPipeError):
        _serve(RaisingEngine(BrokenPipeError()), request(), Inbox(pipe.reader), Outbox(pipe.writer))  # type: ignore[arg-type]  # a double
