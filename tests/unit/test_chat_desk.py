"""Rounds of answers in the background, and what is kept of them; over a chat program that is scripted."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatEvent, ChatRequest, Done, Failed, Token
from backend.domain.chat_sides import Side, Subject
from backend.domain.conversation import Conversation
from backend.domain.prompt_results import Vote
from backend.services.chat_desk import ChatDesk, Table, set_key
from backend.services.chat_errors import (
    ChatClosed,
    ConversationNotKept,
    PromptSetMissing,
    PromptSetRefused,
    QuestionEmpty,
    RoundRunning,
)
from backend.services.chat_rounds import ChatRounds
from backend.services.conversations import Conversations
from backend.services.playground import Playground
from backend.services.prompt_sets import PromptFolders, PromptSets
from config.catalog import prompt_sets
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore

SUBJECT = Subject(model="org/base")
SECONDS = 60.0  # a generous limit; nothing waits so long unless it is broken


class Talker:
    """A chat service that answers from another thread's hands: each token waits until it is let through."""

    def __init__(self) -> None:
        self.asked: list[ChatRequest] = []
        self.stopped: set[str] = set()
        self.gate = threading.Semaphore(0)
        self.failure: Failed | None = None

    def generate(self, request: ChatRequest) -> Iterator[ChatEvent]:
        self.asked.append(request)
        if self.failure is not None:
            yield self.failure
            return
        for number, word in enumerate(request.messages[-1].content.split(), start=1):
            assert self.gate.acquire(timeout=SECONDS)
            if request.id in self.stopped:
                yield Done(number - 1, 0.5, "stopped", 0.1)
                return
            yield Token(word, number)
        yield Done(2, 0.5, "eos", 0.1)

    def stop(self, request_id: str) -> None:
        if request_id not in self.stopped:
            self.stopped.add(request_id)
            self.gate.release()


class Ticking(FakeClock):
    """Every look at it takes a second."""

    def monotonic(self) -> float:
        self.advance(1.0)
        return super().monotonic()


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.talker = Talker()
        self.clock = Ticking()
        playground = Playground(FakeRunStore(self.clock), self.talker)  # type: ignore[arg-type]
        folders = PromptFolders(folder / "sets", folder / "results", folder / "trash")
        self.conversations = Conversations(folder / "conversations", folder / "trash")
        self.desk = ChatDesk(
            playground,
            ChatRounds(self.talker, self.clock),  # type: ignore[arg-type]
            self.conversations,
            PromptSets(prompt_sets(), folders),
            self.clock,
        )

    def table(self, *sides: Side, **settings: object) -> Table:
        told = ChatSettings(**settings)  # type: ignore[arg-type]
        return Table(SUBJECT, sides or (Side(),), {"base": "Base model"}, told)

    def let(self, number: int = 100) -> None:
        self.talker.gate.release(number)

    def wait(self, key: str = SUBJECT.key, until: Callable[[], bool] | None = None) -> None:
        """For the end of a round, or for something in it."""
        version = -1
        while (state := self.desk.rounds.wait(key, version, SECONDS)) is not None:
            if until is not None and until():
                return
            assert state.version > version, "nothing happened"
            version = state.version

    @property
    def text(self) -> str:
        """What was written of the first answer so far."""
        state = self.desk.rounds.look(SUBJECT.key)
        return state.answers[(0, "base")].text if state is not None and state.answers else ""

    @property
    def kept(self) -> Conversation:
        return Conversations(self.folder / "conversations", self.folder / "trash").load(SUBJECT)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_answers_are_written_and_kept_without_anybody_looking(scene: Scene) -> None:
    scene.let()
    scene.desk.ask(scene.table(), "hello there")
    scene.wait()
    (turn,) = scene.kept.turns
    answer = turn.answers["base"]
    assert (answer.text, answer.finish, answer.first_token_seconds) == ("hellothere", "eos", 0.1)
    assert answer.tokens_per_second == 4.0


def test_the_question_is_kept_before_it_is_answered(scene: Scene) -> None:
    scene.desk.ask(scene.table(), "hello there")
    assert [turn.question for turn in scene.kept.turns] == ["hello there"]
    with pytest.raises(RoundRunning):
        scene.desk.ask(scene.table(), "another")
    with pytest.raises(RoundRunning):
        scene.desk.clear(SUBJECT)
    scene.let()
    scene.wait()
    assert [turn.question for turn in scene.kept.turns] == ["hello there"]


def test_a_stop_keeps_what_was_written_and_asks_nobody_else(scene: Scene) -> None:
    scene.desk.ask(scene.table(Side(), Side("a-run")), "one two three")
    scene.let(1)
    scene.wait(until=lambda: scene.text == "one")
    scene.desk.stop(SUBJECT.key)
    scene.wait()
    (turn,) = scene.kept.turns
    assert {side: (one.text, one.finish) for side, one in turn.answers.items()} == {"base": ("one", "stopped")}
    assert len(scene.talker.asked) == 1


def test_whoever_looks_sees_the_answer_grow(scene: Scene) -> None:
    scene.desk.ask(scene.table(), "one two")
    seen: list[str] = []

    def look() -> bool:
        if not seen or scene.text != seen[-1]:
            scene.let(1)  # the next word may only come once this one was seen
        seen.append(scene.text)
        return False

    scene.wait(until=look)
    assert "one" in seen
    assert scene.desk.rounds.look(SUBJECT.key) is None


def test_a_side_that_cannot_answer_does_not_keep_the_others_from_it(scene: Scene) -> None:
    scene.let()
    scene.desk.ask(scene.table(Side("gone"), Side()), "hello")
    scene.wait()
    answers = scene.kept.turns[0].answers
    assert answers["run:gone"].failure is not None
    assert answers["base"].text == "hello"


def test_a_studio_that_shuts_down_asks_nobody_any_more(scene: Scene) -> None:
    scene.talker.failure = Failed(ChatClosed().explain())
    scene.desk.ask(scene.table(Side(), Side("a-run")), "hello")
    scene.wait()
    assert list(scene.kept.turns[0].answers) == ["base"]


def test_a_full_disk_ends_the_round_and_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    scene.desk.ask(scene.table(), "hello")
    monkeypatch.setattr("backend.services.conversations.replace_text", full)
    scene.let()
    scene.wait()
    failure = scene.desk.rounds.failure(SUBJECT.key)
    assert failure is not None
    assert failure.id == ConversationNotKept.id
    assert "No space left" in failure.why


def test_an_answer_to_a_question_that_is_gone_is_dropped(scene: Scene) -> None:
    scene.desk.ask(scene.table(), "hello")
    for path in (scene.folder / "conversations").iterdir():
        path.unlink()
    scene.let()
    scene.wait()
    assert scene.kept == Conversation()
    assert scene.desk.rounds.failure(SUBJECT.key) is None


@pytest.mark.parametrize("question", ["", " \n", "x" * 1_000_001])
def test_no_question_is_refused(scene: Scene, question: str) -> None:
    with pytest.raises(QuestionEmpty):
        scene.desk.ask(scene.table(), question)
    assert scene.kept == Conversation()


def test_again_takes_the_same_seed_or_the_next(scene: Scene) -> None:
    scene.let()
    scene.desk.ask(scene.table(seed=2**32 - 1), "hello")
    scene.wait()
    scene.desk.again(scene.table(), with_other_seed=False)
    scene.wait()
    scene.desk.again(scene.table(), with_other_seed=True)
    scene.wait()
    assert [one.sampling.seed for one in scene.talker.asked] == [2**32 - 1, 2**32 - 1, 0]
    assert len(scene.kept.turns) == 1


def test_the_history_of_a_replaced_question_does_not_hold_it(scene: Scene) -> None:
    scene.let()
    for question in ("one", "two"):
        scene.desk.ask(scene.table(), question)
        scene.wait()
    scene.desk.ask_otherwise(scene.table(), "three")
    scene.wait()
    assert [message.content for message in scene.talker.asked[-1].messages] == ["one", "one", "three"]
    assert [turn.question for turn in scene.kept.turns] == ["one", "three"]


def test_a_conversation_that_cannot_be_read_is_put_aside(scene: Scene) -> None:
    scene.conversations.change(SUBJECT, lambda old: old.asked("hm", 1, {}))
    (path,) = (scene.folder / "conversations").iterdir()
    path.write_text("{")
    assert scene.kept == Conversation()
    assert [found.suffix for found in path.parent.iterdir()] == [".damaged"]


def test_clearing_is_undone_until_something_new_is_asked(scene: Scene) -> None:
    scene.conversations.change(SUBJECT, lambda old: old.asked("hm", 1, {}))
    scene.desk.clear(SUBJECT)
    assert scene.kept == Conversation()
    assert scene.conversations.can_undo(SUBJECT)
    scene.conversations.undo(SUBJECT)
    assert [turn.question for turn in scene.kept.turns] == ["hm"]
    scene.desk.clear(SUBJECT)
    scene.conversations.change(SUBJECT, lambda old: old.asked("new", 1, {}))
    scene.conversations.undo(SUBJECT)
    assert [turn.question for turn in scene.kept.turns] == ["new"]


def test_what_was_cleared_before_goes_to_the_trash(scene: Scene) -> None:
    for question in ("first", "second"):
        scene.conversations.change(SUBJECT, lambda old, question=question: old.asked(question, 1, {}))
        scene.desk.clear(SUBJECT)
    (gone,) = (scene.folder / "trash").iterdir()
    assert [turn.question for turn in Conversation.model_validate_json(gone.read_text()).turns] == ["first"]
    scene.conversations.undo(SUBJECT)
    assert [turn.question for turn in scene.kept.turns] == ["second"]


def test_a_set_is_put_to_every_side_and_its_result_grows(scene: Scene) -> None:
    scene.desk.prompts.write("mine", ["one", "two"])
    result_id = scene.desk.put_set(scene.table(), "mine", "Be brief.")
    assert scene.desk.prompts.result(result_id).num_answers == 0
    scene.let()
    scene.wait(set_key(SUBJECT))
    result = scene.desk.prompts.result(result_id)
    assert [row["base"].text for row in result.answers] == ["one", "two"]
    assert [len(one.messages) for one in scene.talker.asked] == [2, 2], "each prompt is a conversation of its own"
    assert scene.kept == Conversation(), "and the conversation is another one"
    scene.desk.vote(result_id, Vote(row=0, first="base", second="run:a", choice="same"))
    assert len(scene.desk.prompts.result(result_id).votes) == 1
    assert scene.desk.prompts.results() == (result_id,)


def test_an_answer_is_added_to_a_result_and_the_rest_of_it_is_not_written_again(scene: Scene) -> None:
    scene.desk.prompts.write("mine", ["one", "two"])
    result_id = scene.desk.put_set(scene.table(), "mine")
    (whole,) = (scene.folder / "results").glob("*.json")
    before = whole.stat().st_mtime_ns, whole.stat().st_ino
    scene.let()
    scene.wait(set_key(SUBJECT))
    num_answers = scene.desk.prompts.result(result_id).num_answers
    added = whole.with_suffix(".jsonl")
    assert (whole.stat().st_mtime_ns, whole.stat().st_ino) == before
    assert num_answers == len(added.read_text().splitlines())
    added.write_bytes(added.read_bytes()[:-5])  # the machine went off in the middle of the last one
    assert scene.desk.prompts.result(result_id).num_answers == num_answers - 1
    scene.desk.vote(result_id, Vote(row=0, first="base", second="run:a", choice="same"))
    found = scene.desk.prompts.result(result_id)
    assert (found.num_answers, len(found.votes)) == (num_answers - 1, 1)


def test_deleted_sets_and_results_go_to_the_trash(scene: Scene) -> None:
    scene.desk.prompts.write("mine", ["one"])
    result_id = scene.desk.put_set(scene.table(), "mine")
    scene.let()
    scene.wait(set_key(SUBJECT))
    scene.desk.prompts.delete("mine")
    scene.desk.prompts.delete_result(result_id)
    assert (scene.desk.prompts.names(), scene.desk.prompts.results()) == (tuple(prompt_sets()), ())
    assert len(list((scene.folder / "trash").iterdir())) == 3, "the set, the result and its answers"
    with pytest.raises(PromptSetMissing):
        scene.desk.prompts.delete("mine")
    with pytest.raises(PromptSetMissing):
        scene.desk.prompts.result(result_id)


@pytest.mark.parametrize("name", ["", "../evil", "A", "x" * 65, "first-look"])
def test_names_that_no_set_can_have_are_refused(scene: Scene, name: str) -> None:
    with pytest.raises(PromptSetRefused):
        scene.desk.prompts.write(name, ["one"])
    with pytest.raises(PromptSetMissing):
        scene.desk.prompts.result("../../etc/passwd")
    assert not (scene.folder / "sets").exists()


def test_a_damaged_set_is_told(scene: Scene) -> None:
    scene.desk.prompts.write("mine", ["one"])
    (scene.folder / "sets" / "mine.yaml").write_text("{")
    with pytest.raises(PromptSetMissing):
        scene.desk.prompts.read("mine")
