"""ChatDesk: what a person does in Chat: ask, ask again, ask otherwise, stop, put a whole set of prompts, judge."""

import re
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from backend.domain.application_state import ChatSettings
from backend.domain.chat import ChatMessage, ChatRequest
from backend.domain.chat_sides import Side, Subject
from backend.domain.clock import Clock
from backend.domain.conversation import MAX_SYSTEM, MAX_TEXT, Answer, Conversation
from backend.domain.prompt_results import Answered, PromptResult, Vote
from backend.services.chat_errors import QuestionEmpty, RoundRunning
from backend.services.chat_rounds import Cell, ChatRounds
from backend.services.conversations import Conversations
from backend.services.playground import Playground
from backend.services.prompt_sets import PromptSets

Titles = Mapping[str, str]
Change = Callable[[Conversation], Conversation]


@dataclass(frozen=True, slots=True)
class Table:
    """Who sits at it: the subject, its sides with the names that people know, and how they are asked."""

    subject: Subject
    sides: tuple[Side, ...]
    titles: Titles
    settings: ChatSettings


class ChatDesk:
    """Orders go to rounds in the background; what they bring is kept as it comes. Safe from any thread."""

    def __init__(
        self,
        playground: Playground,
        rounds: ChatRounds,
        conversations: Conversations,
        prompts: PromptSets,
        clock: Clock,
    ) -> None:
        self._playground = playground
        self._clock = clock
        self.rounds = rounds
        self.conversations = conversations
        self.prompts = prompts
        self._lock = threading.Lock()

    def ask(self, table: Table, question: str) -> None:
        """Put a question to every side. Raises QuestionEmpty, RoundRunning, ConversationNotKept."""
        self._ask(table, question, table.settings.seed, lambda conversation: conversation)

    def again(self, table: Table, *, with_other_seed: bool) -> None:
        """Put the newest question once more, in place of its answers. Raises as `ask`."""
        turns = self.conversations.load(table.subject).turns
        if turns:
            seed = (turns[-1].seed + with_other_seed) % 2**32
            self._ask(table, turns[-1].question, seed, Conversation.without_last)

    def ask_otherwise(self, table: Table, question: str) -> None:
        """Put a question in place of the newest one. Raises as `ask`."""
        self._ask(table, question, table.settings.seed, Conversation.without_last)

    def instruct(self, subject: Subject, system: str) -> None:
        """Set the system prompt of a conversation. Raises ConversationNotKept."""
        text = system[:MAX_SYSTEM]
        self.conversations.change(subject, lambda old: old.model_copy(update={"system": text}))

    def stop(self, key: str) -> None:
        """End the answers that are being written, whoever asked."""
        self.rounds.stop(key)

    def clear(self, subject: Subject) -> None:
        """Empty a conversation; the undo of `conversations` brings it back. Raises RoundRunning."""
        with self._lock:
            self._check_free(subject.key)
            self.conversations.clear(subject)

    def put_set(self, table: Table, name: str, system: str = "") -> str:
        """Put every prompt of a set to every side; the id of the result, which grows as they answer.

        Raises PromptSetMissing, RoundRunning, ConversationNotKept.
        """
        key = set_key(table.subject)
        prompts = self.prompts.read(name)
        now = self._clock.now()
        result = PromptResult(
            id=f"{now:%Y%m%d-%H%M%S}-{_stem(name)}-{secrets.token_hex(2)}",
            name=name,
            at=now.isoformat(timespec="seconds"),
            sides=tuple(side.address for side in table.sides),
            titles=dict(table.titles),
            sampling=table.settings.sampling,
            system=system[:MAX_SYSTEM],
            prompts=prompts,
        )
        base = Conversation(system=result.system)
        cells = [
            Cell(row, side.address, partial(self._request, table, side, base.messages(side.address, prompt)))
            for row, prompt in enumerate(prompts)
            for side in table.sides
        ]
        with self._lock:
            self._check_free(key)
            self.prompts.keep(result)
            self.rounds.begin(key, cells, partial(self._keep_answer, result.id))
        return result.id

    def vote(self, result_id: str, vote: Vote) -> None:
        """Keep what a person preferred. Raises PromptSetMissing, ConversationNotKept."""
        with self._lock:
            self.prompts.add(result_id, vote)

    def _ask(self, table: Table, question: str, seed: int, before: Change) -> None:
        if not question.strip() or len(question) > MAX_TEXT:
            raise QuestionEmpty(limit=MAX_TEXT)
        seeded = replace(table, settings=replace(table.settings, seed=seed))
        with self._lock:
            self._check_free(table.subject.key)
            past = before(self.conversations.load(table.subject))
            cells = [
                Cell(0, side.address, partial(self._request, seeded, side, past.messages(side.address, question)))
                for side in table.sides
            ]
            self.conversations.change(table.subject, lambda now: before(now).asked(question, seed, table.titles))
            self.rounds.begin(table.subject.key, cells, partial(self._keep_turn, table.subject))

    def _request(self, table: Table, side: Side, messages: Sequence[ChatMessage]) -> ChatRequest:
        return self._playground.request(table.subject, side, messages, table.settings)

    def _keep_turn(self, subject: Subject, _row: int, side: str, answer: Answer) -> None:
        self.conversations.change(subject, lambda now: now.answered(side, answer))

    def _keep_answer(self, result_id: str, row: int, side: str, answer: Answer) -> None:
        with self._lock:
            self.prompts.add(result_id, Answered(row=row, side=side, answer=answer))

    def _check_free(self, key: str) -> None:
        if self.rounds.look(key) is not None:
            raise RoundRunning


def set_key(subject: Subject) -> str:
    """The key of the round that puts a prompt set to a subject's sides."""
    return f"set:{subject.key}"


def _stem(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24].strip("-") or "set"
