"""ChatService over a scripted program: what a person sees, whatever the process does."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.domain.chat import ChatEvent, ChatMessage, ChatPhase, ChatRequest, Done, Failed, Progress, Token
from backend.domain.chat_lines import Stop, event_line, parse_order
from backend.services.chat import ChatService
from backend.services.chat_turn import Patience
from tests.fakes.clock import FakeClock
from tests.fakes.lines import Said, ScriptedProgram

PATIENCE = Patience(busy_seconds=20.0, loading_seconds=100.0, answering_seconds=50.0, stop_seconds=5.0)
READING = Progress(ChatPhase.READING)


def request(text: str = "hello", *, base_model: str = "org/model", **fields: object) -> ChatRequest:
    return ChatRequest(base_model=base_model, messages=(ChatMessage(role="user", content=text),), **fields)


def question(line: str) -> ChatRequest:
    order = parse_order(line)
    assert isinstance(order, ChatRequest)
    return order


def is_stop(line: str) -> bool:
    return isinstance(parse_order(line), Stop)


def lines(request_id: str, *events: ChatEvent) -> list[str]:
    return [event_line(request_id, event) for event in events]


def echo(line: str) -> list[Said]:
    """Answers with the question, in two pieces."""
    if is_stop(line):
        return []
    asked = question(line)
    text = asked.messages[-1].content
    events = (READING, Token(text[:2], 1), Token(text[2:], 2), Done(2, 0.5, "eos"))
    return [*lines(asked.id, *events)]


def silent(line: str) -> list[Said]:
    return []


class Studio:
    """A service over a scripted program."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.program = ScriptedProgram(echo, self.clock)
        self.models_folder = folder / "models"
        self.chat = self.service()

    def service(self, patience: Patience = PATIENCE, *, is_hub_offline: bool = False) -> ChatService:
        return ChatService(
            program=self.program,
            clock=self.clock,
            models_folder=self.models_folder,
            is_hub_offline=is_hub_offline,
            patience=patience,
        )

    def says(self, *said: ChatEvent | int | str) -> None:
        """From now on every question is answered so; stops are heard and ignored."""

        def reply(line: str) -> list[Said]:
            if is_stop(line):
                return []
            asked = question(line).id
            return [one if isinstance(one, int | str) else event_line(asked, one) for one in said]

        self.program.reply = reply

    def answer(self, text: str = "hello") -> list[ChatEvent]:
        return list(self.chat.generate(request(text)))


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


def error_id(event: ChatEvent) -> str:
    assert isinstance(event, Failed), event
    return event.error.id


def text_of(events: list[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


def test_the_time_after_which_a_program_goes_is_the_one_that_it_was_started_with(studio: Studio) -> None:
    studio.chat.idle_limit_seconds = 60.0
    studio.answer()
    studio.chat.idle_limit_seconds = 5.0
    assert studio.chat.status().idle_limit_seconds == 60.0
    studio.chat.unload()
    studio.answer()
    assert studio.chat.status().idle_limit_seconds == 5.0


def test_an_answer_streams_from_the_start_of_the_process_to_its_end(studio: Studio) -> None:
    assert studio.answer("hello") == [
        Progress(ChatPhase.STARTING),
        READING,
        Token("he", 1),
        Token("llo", 2),
        Done(2, 0.5, "eos"),
    ]


def test_the_second_question_goes_to_the_same_process(studio: Studio) -> None:
    studio.answer()
    assert studio.answer()[0] == READING
    assert len(studio.program.children) == 1


def test_nothing_is_started_before_the_first_question(studio: Studio) -> None:
    studio.chat.generate(request())
    assert studio.program.children == []
    assert studio.chat.status().pid is None


def test_lines_that_are_not_about_the_question_are_not_passed_on(studio: Studio) -> None:
    noise = ('{"type": "ready"}', "Loading shards", *lines("another", Token("theirs"), Done(1, 1.0, "eos")))
    studio.says(*noise, Token("mine"), *noise, Done(1, 1.0, "eos"))
    assert text_of(studio.answer()) == "mine"


def test_a_crash_in_the_middle_is_explained_and_the_next_question_gets_a_new_process(studio: Studio) -> None:
    studio.says(Token("half"), 139)
    events = studio.answer()
    assert events[1] == Token("half")
    assert error_id(events[-1]) == "chat-crashed"
    assert isinstance(events[-1], Failed)
    assert "exit code 139" in events[-1].error.why
    assert "out of ideas" in events[-1].error.why
    studio.program.reply = echo
    assert text_of(studio.answer("again")) == "again"
    assert len(studio.program.children) == 2


@pytest.mark.parametrize(("code", "words"), [(-9, "memory"), (-11, "signal 11"), (1, "exit code 1")])
def test_the_end_of_the_process_is_put_into_words(studio: Studio, code: int, words: str) -> None:
    studio.says(code)
    event = studio.answer()[-1]
    assert isinstance(event, Failed)
    assert words in event.error.why


def test_a_process_that_went_home_just_now_is_replaced_without_a_word(studio: Studio) -> None:
    studio.answer()
    first = studio.program.children[0]
    first._said.append(0)  # its idle time ended; the question is already in the pipe
    first._reply = silent
    events = studio.answer("anyone?")
    assert text_of(events) == "anyone?"
    assert isinstance(events[-1], Done)
    assert len(studio.program.children) == 2


def test_a_process_that_always_goes_home_is_not_started_for_ever(studio: Studio) -> None:
    studio.says(0)
    assert error_id(studio.answer()[-1]) == "chat-crashed"
    assert len(studio.program.children) == 2


def test_an_error_of_the_program_ends_the_answer_and_keeps_the_process(studio: Studio) -> None:
    why = {"id": "model-not-found", "what": "a", "why": "b", "fix": "c", "at": "d"}
    studio.program.reply = lambda line: [
        '{"type": "error", "request": "' + question(line).id + '", ' + str(why)[1:].replace("'", '"')
    ]
    assert error_id(studio.answer()[-1]) == "model-not-found"
    studio.program.reply = echo
    assert text_of(studio.answer("ok?")) == "ok?"
    assert len(studio.program.children) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ((Progress(ChatPhase.LOADING),), PATIENCE.loading_seconds),
        ((READING, Token("and then")), PATIENCE.answering_seconds),
    ],
)
def test_silence_has_an_end(studio: Studio, said: tuple[ChatEvent, ...], seconds: float) -> None:
    studio.says(*said)
    assert error_id(studio.answer()[-1]) == "chat-silent"
    assert seconds < studio.clock.monotonic() < seconds + 1
    assert studio.program.children[0].exit_code == -9
    assert studio.chat.status().pid is None


def test_endless_noise_is_silence_too(studio: Studio) -> None:
    def noise() -> Iterator[str]:
        while True:
            studio.clock.advance(1.0)
            yield "Loading shards"

    studio.answer()
    child = studio.program.children[0]
    source = noise()
    child._reply = silent
    child.receive = lambda timeout_seconds: next(source)  # type: ignore[method-assign]
    assert error_id(studio.answer()[-1]) == "chat-silent"


def test_a_process_that_reads_nothing_is_given_up(studio: Studio) -> None:
    studio.answer()
    studio.program.children[0].reads_slowly = True
    assert error_id(studio.answer()[-1]) == "chat-silent"
    assert text_of(studio.answer("new")) == "new"


def test_a_program_that_cannot_be_started_is_an_explained_failure(studio: Studio) -> None:
    studio.program.start_error = FileNotFoundError(2, "No such file or directory")
    [event] = studio.answer()
    assert error_id(event) == "chat-not-started"
    studio.program.start_error = None
    assert text_of(studio.answer("ok")) == "ok"


def test_stop_asks_the_process_to_end_the_answer(studio: Studio) -> None:
    def reply(line: str) -> list[Said]:
        order = parse_order(line)
        if isinstance(order, Stop):
            return lines(order.id, Done(7, 1.0, "stopped"))
        return lines(question(line).id, READING, Token("so", 1))

    studio.program.reply = reply
    asked = request()
    events = studio.chat.generate(asked)
    assert [next(events) for _ in range(3)][-1] == Token("so", 1)
    studio.chat.stop(asked.id)
    assert list(events) == [Done(7, 1.0, "stopped")]
    assert len(studio.program.children) == 1
    assert studio.program.children[0].exit_code is None


def test_a_process_that_does_not_obey_a_stop_is_ended(studio: Studio) -> None:
    studio.says(READING, *(Token("on", n) for n in range(1, 4)))
    asked = request()
    events = studio.chat.generate(asked)
    for _ in range(5):
        next(events)
    studio.chat.stop(asked.id)
    [end] = events
    assert isinstance(end, Done)
    assert (end.num_tokens, end.finish_reason) == (3, "stopped")
    assert PATIENCE.stop_seconds < studio.clock.monotonic() < PATIENCE.stop_seconds + 1
    assert studio.program.children[0].exit_code == -9


def test_stopping_an_answer_that_nobody_writes_does_nothing(studio: Studio) -> None:
    studio.chat.stop("nobody")
    asked = request()
    events = studio.chat.generate(asked)
    next(events)
    studio.chat.stop("somebody else")
    assert isinstance(list(events)[-1], Done)
    assert not any(is_stop(line) for line in studio.program.children[0].heard)


def test_leaving_in_the_middle_stops_the_answer_and_frees_the_way(studio: Studio) -> None:
    def reply(line: str) -> list[Said]:
        order = parse_order(line)
        if isinstance(order, Stop):
            return lines(order.id, Token("late", 2), Done(2, 1.0, "stopped"))
        return lines(question(line).id, READING, Token("so", 1))

    studio.program.reply = reply
    events = studio.chat.generate(request())
    for _ in range(3):
        next(events)
    events.close()
    assert is_stop(studio.program.children[0].heard[-1])
    studio.program.reply = echo
    assert text_of(studio.answer("next")) == "next"
    assert len(studio.program.children) == 1


def test_leaving_while_the_model_loads_lets_it_load(studio: Studio) -> None:
    studio.says(Progress(ChatPhase.LOADING))
    events = studio.chat.generate(request())
    next(events)
    next(events)
    events.close()
    assert studio.program.children[0].exit_code is None
    assert studio.clock.monotonic() == 0
    studio.program.reply = echo
    assert text_of(studio.answer("next")) == "next"
    assert len(studio.program.children) == 1


def test_leaving_a_process_that_goes_on_for_ever_ends_it(studio: Studio) -> None:
    studio.says(READING, Token("on"))
    events = studio.chat.generate(request())
    for _ in range(3):
        next(events)
    events.close()
    assert studio.program.children[0].exit_code == -9
    studio.program.reply = echo
    assert text_of(studio.answer("next")) == "next"


def test_leaving_after_the_process_died_is_quiet(studio: Studio) -> None:
    studio.says(READING, Token("on"))
    events = studio.chat.generate(request())
    for _ in range(3):
        next(events)
    studio.program.children[0].end(0)
    events.close()
    assert studio.chat.status().pid is None


def test_who_waits_too_long_for_another_answer_is_told_so(studio: Studio) -> None:
    chat = studio.service(Patience(busy_seconds=0.05))
    first = chat.generate(request("first"))
    next(first)
    [event] = chat.generate(request("second"))
    assert error_id(event) == "chat-busy"
    assert isinstance(list(first)[-1], Done)
    assert text_of(list(chat.generate(request("third")))) == "third"


def test_many_threads_get_their_own_whole_answers(studio: Studio) -> None:
    wrong: list[str] = []

    def ask(name: str) -> None:
        for number in range(10):
            text = f"{name}-{number}"
            if text_of(list(studio.chat.generate(request(text)))) != text:
                wrong.append(text)

    threads = [threading.Thread(target=ask, args=(f"thread{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert len(studio.program.children) == 1


def test_unload_ends_the_process_and_the_answer_in_progress(studio: Studio) -> None:
    studio.says(READING, Token("so", 4))
    events = studio.chat.generate(request())
    for _ in range(3):
        next(events)
    studio.chat.unload()
    [end] = events
    assert isinstance(end, Done)
    assert (end.num_tokens, end.finish_reason) == (4, "stopped")
    assert studio.program.children[0].exit_code == 0
    studio.program.reply = echo
    assert text_of(studio.answer("again")) == "again"


def test_unload_before_the_question_was_sent_ends_the_answer_too(studio: Studio) -> None:
    events = studio.chat.generate(request())
    assert next(events) == Progress(ChatPhase.STARTING)
    studio.chat.unload()
    assert [type(event) for event in events] == [Done]
    assert studio.program.children[0].exit_code == 0


def test_only_an_unused_process_goes_when_memory_is_wanted(studio: Studio) -> None:
    answer = studio.chat.generate(request())
    next(answer)
    studio.chat.unload_if_unused()
    assert studio.chat.status().pid is not None
    assert isinstance(list(answer)[-1], Done)
    studio.chat.unload_if_unused()
    assert studio.chat.status().pid is None


def test_unload_without_a_process_does_nothing(studio: Studio) -> None:
    studio.chat.unload()
    assert studio.chat.status().is_loaded is False


def test_a_closed_service_ends_its_process_and_refuses_questions(studio: Studio) -> None:
    studio.answer()
    studio.chat.close()
    assert studio.program.children[0].exit_code == 0
    [event] = studio.answer()
    assert error_id(event) == "chat-closed"


def test_the_status_tells_what_is_loaded_and_since_when_it_is_idle(studio: Studio) -> None:
    studio.says(Progress(ChatPhase.LOADING), READING, Token("x"), Done(1, 1.0, "eos"))
    events = studio.chat.generate(request())
    next(events)
    assert next(events) == Progress(ChatPhase.LOADING)
    assert studio.chat.status().is_loaded is False
    assert next(events) == READING
    studio.clock.advance(30)
    during = studio.chat.status()
    assert (during.is_loaded, during.base_model, during.idle_seconds) == (True, "org/model", 0.0)
    list(events)
    studio.clock.advance(12)
    after = studio.chat.status()
    assert (after.pid, after.memory_bytes, after.idle_seconds) == (1000, 1000, 12.0)
    studio.program.children[0].end(1)
    assert studio.chat.status().pid is None
    assert studio.chat.status().is_loaded is False


def test_the_demo_model_is_asked_for_by_its_folder_once_it_exists(studio: Studio) -> None:
    [event] = studio.chat.generate(request(base_model="demo"))
    assert error_id(event) == "demo-model-missing"
    assert studio.program.children == []
    built = studio.models_folder / "demo-0123"
    built.mkdir(parents=True)
    (built / "config.json").write_text("{}")
    (studio.models_folder / "demo").symlink_to("demo-0123")
    list(studio.chat.generate(request(base_model="demo")))
    assert question(studio.program.children[0].heard[0]).base_model == str(built)


def test_relative_folders_become_absolute(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    list(studio.chat.generate(request(base_model="model", adapter="run/adapter")))
    asked = question(studio.program.children[0].heard[0])
    assert (asked.base_model, asked.adapter) == (str(tmp_path / "model"), str(tmp_path / "run" / "adapter"))


def test_the_hub_is_reachable_only_for_models_that_are_not_here(studio: Studio, tmp_path: Path) -> None:
    list(studio.chat.generate(request(base_model=str(tmp_path))))
    list(studio.chat.generate(request(base_model="org/model")))
    list(studio.service(is_hub_offline=True).generate(request(base_model="org/model")))
    offline = [environment.get("HF_HUB_OFFLINE") for environment in studio.program.environments]
    assert offline == ["1", None, "1"]
    assert studio.program.children[0].exit_code == 0
    assert all(env["HF_HUB_DISABLE_TELEMETRY"] == "1" for env in studio.program.environments)
