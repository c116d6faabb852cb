"""Prompts and answers as token ids, apart from one another, as the recipes on trl take them."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from transformers import PreTrainedTokenizerBase

from backend.data.examples import Conversation, Example, Preference, Prompt, Rated, Turn
from backend.trainer.collation import IGNORED
from backend.trainer.errors import RowsTooLong
from backend.trainer.tokens import NAMED_ROWS, Encoder

NO_LIMIT = 2**31  # tokens: rows are cut here, not by the encoder
Ids = list[int]
Item = TypeVar("Item")
Row = TypeVar("Row")


class AnswerEncoder:
    """Renders prompts through the chat template, and cuts what is longer than max_length from the end."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> None:
        self._encoder = Encoder(tokenizer, max_length=NO_LIMIT, answers_only=True)
        self.max_length = max_length

    def split(self, prompt: Sequence[Turn], answers: Sequence[str], name: str) -> tuple[Ids, list[Ids]]:
        """The ids of the prompt, and those of each answer to it as far as max_length allows.

        The prompt ends where all of its answers can begin. An answer whose place is taken by the prompt is empty.
        Raises ChatTemplateUnsuitable; `name` is what it calls the row.
        """
        found = [self._answered(prompt, answer, name) for answer in answers]
        start = min(start for _, start, _ in found)
        rests = [ids[start : min(end, self.max_length)] for ids, _, end in found]
        return found[0][0][:start], rests

    def pair(self, example: Preference, name: str) -> dict[str, Ids] | None:
        """A pair as DPO and reward models take it; None where the cut leaves no difference to learn."""
        prompt, (chosen, rejected) = self.split(example.prompt, (example.chosen, example.rejected), name)
        if not chosen or not rejected or chosen == rejected:
            return None
        return {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}

    def _answered(self, prompt: Sequence[Turn], answer: str, name: str) -> tuple[Ids, int, int]:
        """The whole conversation's ids, and where the last answer starts and ends in them."""
        row = self._encoder.row(Conversation((*prompt, Turn("assistant", answer))), name)
        ids, labels = [int(each) for each in row["input_ids"]], list(row["labels"])
        end = next((i + 1 for i in reversed(range(len(labels))) if labels[i] != IGNORED), 0)
        start = next((i + 1 for i in reversed(range(end)) if labels[i] == IGNORED), 0)
        return ids, start, end


def rated(examples: Sequence[Example]) -> Iterator[Rated]:
    """Rated answers as they are, and two of each preference pair."""
    for example in examples:
        match example:
            case Rated():
                yield example
            case Preference(prompt, chosen, rejected):
                yield Rated(prompt, chosen, is_good=True)
                yield Rated(prompt, rejected, is_good=False)


def prompt_of(example: Example) -> Prompt:
    """The prompt itself, or a conversation whose last answer becomes the one to compare with."""
    match example:
        case Prompt():
            return example
        case Conversation((*turns, Turn("assistant", answer))):
            return Prompt(tuple(turns), answer)
        case _:
            raise AssertionError(f"{type(example).__name__} is for other recipes")


def encoded(
    items: Sequence[Item],
    part: str,
    row: Callable[[Item, str], Row | None],
    max_length: int,
    report: Callable[[float], None],
) -> list[Row]:
    """Every item of a part ("training", "validation") as `row` makes it; None means that nothing is left to learn.

    Raises RowsTooLong with the rows that max_length leaves nothing of.
    """
    rows, empty = [], []
    for index, item in enumerate(items):
        made = row(item, f"{part} row {index + 1}")
        if made is None:
            empty.append(index + 1)
        else:
            rows.append(made)
        report((index + 1) / len(items))
    if empty:
        named = ", ".join(map(str, empty[:NAMED_ROWS])) + (", ..." if len(empty) > NAMED_ROWS else "")
        raise RowsTooLong(count=len(empty), total=len(items), part=part, max_length=max_length, rows=named)
    return rows
