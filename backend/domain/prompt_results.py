"""A set of prompts that was put to several models: the answers, what a person preferred blind, and the counts."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError

from backend.domain.chat import Sampling
from backend.domain.conversation import Answer, fenced, fenced_word
from backend.spec import Frozen

Choice = Literal["first", "second", "same"]
CHANCE = 0.05


class Vote(Frozen):
    """What was preferred of two sides for one prompt; `first` and `second` are addresses in no particular order."""

    row: int = Field(ge=0)
    first: str
    second: str
    choice: Choice


class Answered(Frozen):
    """One more answer."""

    row: int = Field(ge=0)
    side: str
    answer: Answer


class PromptResult(Frozen):
    """One pass of a prompt set over sides. `answers` has one mapping per prompt, by the address of the side."""

    version: Literal[1] = 1
    id: str = Field(pattern="^[a-z0-9][a-z0-9-]{0,99}$")
    name: str
    at: str
    sides: tuple[str, ...]
    titles: Mapping[str, str]
    sampling: Sampling
    system: str = ""
    prompts: tuple[str, ...]
    answers: tuple[Mapping[str, Answer], ...] = ()
    votes: tuple[Vote, ...] = ()

    @property
    def num_answers(self) -> int:
        """How many answers there are, failed ones included."""
        return sum(len(row) for row in self.answers)

    def answered(self, row: int, side: str, answer: Answer) -> "PromptResult":
        """With one more answer."""
        rows = [dict(found) for found in self.answers] + [{} for _ in range(len(self.answers), row + 1)]
        rows[row][side] = answer
        return self.model_copy(update={"answers": tuple(rows)})

    def voted(self, vote: Vote) -> "PromptResult":
        """With a vote, in place of an earlier one for the same prompt and sides."""
        pair = {vote.first, vote.second}
        kept = tuple(old for old in self.votes if old.row != vote.row or {old.first, old.second} != pair)
        return self.model_copy(update={"votes": (*kept, vote)})


def with_lines(result: PromptResult, lines: Iterable[str]) -> PromptResult:
    """With the answers and votes that were added, a line of JSON each; a line that was torn is passed over."""
    for line in lines:
        try:
            added = _ADDED.validate_json(line)
        except ValidationError:
            continue
        if added.row >= len(result.prompts):
            continue
        if isinstance(added, Answered):
            result = result.answered(added.row, added.side, added.answer)
        else:
            result = result.voted(added)
    return result


_ADDED: TypeAdapter[Answered | Vote] = TypeAdapter(Answered | Vote)


@dataclass(frozen=True, slots=True)
class Tally:
    """Votes about two sides: how many preferred each, and how many neither."""

    a: int
    b: int
    same: int

    @property
    def n(self) -> int:
        """All votes."""
        return self.a + self.b + self.same

    @property
    def chance(self) -> float:
        """How often equal models would give a difference this large or larger: a two-sided sign test without ties.

        Source: https://en.wikipedia.org/wiki/Sign_test
        """
        decided = self.a + self.b
        ways = sum(math.comb(decided, k) for k in range(min(self.a, self.b) + 1))
        return min(1.0, 2 * ways / (1 << decided))

    def sentence(self) -> str:
        """What can be said of it, and what cannot."""
        if not self.a + self.b:
            return f"No preference in {self.n} votes." if self.n else "No votes yet."
        said = f"With equal models, a difference this large comes by chance in {self.chance:.0%} of such trials"
        return said + (": too often to tell them apart." if self.chance > CHANCE else ".")


def tally(result: PromptResult, a: str, b: str) -> Tally:
    """The votes about two sides, whichever was shown first."""
    counts = {a: 0, b: 0, "same": 0}
    for vote in result.votes:
        if {vote.first, vote.second} == {a, b}:
            winner = {"first": vote.first, "second": vote.second, "same": "same"}[vote.choice]
            counts[winner] += 1
    return Tally(counts[a], counts[b], counts["same"])


def shuffled(result_id: str, row: int, a: str, b: str) -> tuple[str, str]:
    """Which of two sides is shown first: by chance, but the same at every look."""
    low, high = sorted((a, b))
    digest = hashlib.sha256(f"{result_id} {row} {low} {high}".encode()).digest()
    return (low, high) if digest[0] % 2 else (high, low)


def next_unvoted(result: PromptResult, a: str, b: str) -> int | None:
    """The first prompt that both sides answered and nobody has judged."""
    voted = {vote.row for vote in result.votes if {vote.first, vote.second} == {a, b}}
    for row, answers in enumerate(result.answers):
        if row not in voted and all(side in answers and answers[side].is_usable for side in (a, b)):
            return row
    return None


def as_jsonl(result: PromptResult) -> str:
    """One line per prompt, with the answers by side."""
    lines = []
    for row, prompt in enumerate(result.prompts[: len(result.answers)]):
        answers = {side: answer.model_dump(mode="json") for side, answer in result.answers[row].items()}
        votes = [vote.model_dump() for vote in result.votes if vote.row == row]
        lines.append(json.dumps({"prompt": prompt, "answers": answers, "votes": votes}))
    return "".join(f"{line}\n" for line in lines)


def as_markdown(result: PromptResult) -> str:
    """For people."""
    parts = [f"# Prompt set {fenced_word(result.name)}, {result.at}\n"]
    for row, prompt in enumerate(result.prompts[: len(result.answers)]):
        parts.append(f"## Prompt {row + 1}\n\n{fenced(prompt)}\n")
        for side, answer in result.answers[row].items():
            name = " ".join(result.titles.get(side, side).split())
            parts.append(f"### {fenced_word(name)}\n\n{fenced(answer.text)}\n")
    return "\n".join(parts)
