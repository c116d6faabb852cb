"""A conversation with several models at once: each remembers what was asked and what it answered itself."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from backend.domain.chat import ChatMessage, FinishReason
from backend.spec import Frozen

MAX_TURNS = 50
MAX_TEXT = 1_000_000
MAX_SYSTEM = 20_000


class Failure(Frozen):
    """Why there is no answer, or no more of it; an Explanation that can be kept."""

    id: str
    what: str
    why: str
    fix: str
    at: str


class Answer(Frozen):
    """What one side said. Without a `finish` it is being written, or its writing was cut off.

    `seconds` and `first_token_seconds` were measured by the chat program, without loading.
    """

    text: str = Field(default="", max_length=MAX_TEXT)
    num_tokens: int = 0
    seconds: float = 0.0
    first_token_seconds: float | None = None
    finish: FinishReason | None = None
    template: str = ""
    failure: Failure | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """Measured speed, None if nothing was measured."""
        return self.num_tokens / self.seconds if self.seconds > 0 and self.num_tokens else None

    @property
    def is_usable(self) -> bool:
        """Whether the conversation can go on from it: there is something, and nothing went wrong."""
        return self.finish is not None and self.failure is None


class Turn(Frozen):
    """A question, the seed of its answers, and the answers by the address of their side."""

    question: str = Field(max_length=MAX_TEXT)
    seed: int = 42
    answers: Mapping[str, Answer] = Field(default_factory=dict)


class Conversation(Frozen):
    """Oldest turn first. `titles` names the sides that ever answered, as people knew them."""

    version: Literal[1] = 1
    system: str = Field(default="", max_length=MAX_SYSTEM)
    turns: tuple[Turn, ...] = ()
    titles: Mapping[str, str] = Field(default_factory=dict)

    def messages(self, side: str, question: str) -> tuple[ChatMessage, ...]:
        """What a side is to continue. Turns that it did not answer are left out: it never saw them."""
        said = [ChatMessage(role="system", content=self.system)] if self.system.strip() else []
        for turn in self.turns:
            answer = turn.answers.get(side)
            if answer is not None and answer.is_usable:
                said.append(ChatMessage(role="user", content=turn.question))
                said.append(ChatMessage(role="assistant", content=answer.text))
        return (*said, ChatMessage(role="user", content=question))

    def asked(self, question: str, seed: int, titles: Mapping[str, str]) -> "Conversation":
        """With a new turn whose answers are still to come; only the newest MAX_TURNS are kept."""
        turns = (*self.turns, Turn(question=question, seed=seed))[-MAX_TURNS:]
        return self.model_copy(update={"turns": turns, "titles": {**self.titles, **titles}})

    def answered(self, side: str, answer: Answer) -> "Conversation":
        """With the answer of a side to the newest question; the same if there is none any more."""
        if not self.turns:
            return self
        *before, last = self.turns
        newest = last.model_copy(update={"answers": {**last.answers, side: answer}})
        return self.model_copy(update={"turns": (*before, newest)})

    def without_last(self) -> "Conversation":
        """As it was before the newest question."""
        return self.model_copy(update={"turns": self.turns[:-1]})

    def num_unseen(self, side: str) -> int:
        """How many of the turns a side did not answer."""
        return sum(not (side in turn.answers and turn.answers[side].is_usable) for turn in self.turns)


def as_jsonl(conversation: Conversation) -> str:
    """One line per side with its messages, in the form that a dataset of conversations has."""
    lines = []
    for side in sides_of(conversation.turns):
        messages = conversation.messages(side, "")[:-1]
        told = [message.model_dump() for message in messages]
        lines.append(json.dumps({"side": side, "name": conversation.titles.get(side, side), "messages": told}))
    return "".join(f"{line}\n" for line in lines)


def as_markdown(conversation: Conversation) -> str:
    """For people: questions as headings, answers in fences that no answer can end."""
    parts = ["# Conversation\n"]
    if conversation.system.strip():
        parts.append(f"System prompt:\n\n{fenced(conversation.system)}\n")
    for number, turn in enumerate(conversation.turns, start=1):
        parts.append(f"## Question {number}\n\n{fenced(turn.question)}\n")
        for side, answer in turn.answers.items():
            name = " ".join(conversation.titles.get(side, side).split())
            parts.append(f"### {fenced_word(name)}\n\n{fenced(answer.text)}\n")
    return "\n".join(parts)


def sides_of(turns: Sequence[Turn]) -> list[str]:
    """Every side that answered, in the order of its first answer."""
    return list(dict.fromkeys(side for turn in turns for side in turn.answers))


def fenced(text: str) -> str:
    """A Markdown code block with more backticks than the text has in a row."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}text\n{text}\n{fence}"


def fenced_word(text: str) -> str:
    """The same within a line."""
    ticks = "`" * (_longest_run(text) + 1)
    return f"{ticks} {text} {ticks}"


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
