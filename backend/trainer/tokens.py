"""How examples become token ids, and which of them are learned."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from backend.data.examples import Conversation, Example, PlainText, Turn
from backend.data.lazy import Examples
from backend.data.packing import texts_of
from backend.trainer.collation import IGNORED, Encoded
from backend.trainer.errors import ChatTemplateUnsuitable, RowsTooLong
from backend.trainer.kept_rows import kept_tokens
from backend.trainer.token_rows import TokenFile, TokenRows

BATCH_ROWS = 256
BATCH_CHARACTERS = 4_000_000
NAMED_ROWS = 10
# what a template can do wrong in Python's eyes, besides what Jinja says itself
REFUSALS = (TemplateError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError)
MERGED_TOKENS = 2  # the last tokens of a prompt may merge with the first characters of the answer


class Encoder:
    """Encodes rows for one tokenizer. With `answers_only`, prompts are read but not learned."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, max_length: int, answers_only: bool) -> None:
        self._tokenizer = tokenizer
        self._max_length = max_length
        self._answers_only = answers_only
        added = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
        self._special = added | set(tokenizer.all_special_ids)

    def encode(self, examples: Sequence[Example], part: str, progress: Callable[[float], None]) -> TokenRows:
        """All rows of a part ("training", "validation"), cut at max_length; progress runs from 0 to 1.

        Examples that have a cache are encoded once: a later call with the same rows, tokenizer and settings maps
        the file. What `progress` raises is passed on, and nothing is kept then.
        Raises ChatTemplateUnsuitable, and RowsTooLong if cutting leaves some row nothing to learn.
        """

        def fill(file: TokenFile) -> None:
            for batch in self._learnable(examples, part, progress):
                file.write(batch)

        rows = kept_tokens(examples, self._tokenizer, (self._max_length, self._answers_only), fill)
        progress(1.0)
        return rows

    def batches(
        self, examples: Sequence[Example], part: str, progress: Callable[[float], None]
    ) -> Iterator[list[Encoded]]:
        """The rows of a part in their order, some at a time."""
        start = 0
        for batch in _portions(examples):
            yield self.rows(batch, [_name(examples, part, start + index) for index in range(len(batch))])
            start += len(batch)
            progress(start / len(examples))

    def _learnable(
        self, examples: Sequence[Example], part: str, progress: Callable[[float], None]
    ) -> Iterator[list[Encoded]]:
        empty, num_empty, start = list[str](), 0, 0
        for rows in self.batches(examples, part, progress):
            for index, row in enumerate(rows, start):
                # the first token is never predicted, so learning begins at the second
                if not np.any(np.asarray(row["labels"][1:]) != IGNORED):
                    num_empty += 1
                    empty += [_number(examples, index)] * (len(empty) < NAMED_ROWS)
            yield rows
            start += len(rows)
        if num_empty:
            named = ", ".join(empty) + (", ..." if num_empty > NAMED_ROWS else "")
            total = len(examples)
            raise RowsTooLong(count=num_empty, total=total, part=part, max_length=self._max_length, rows=named)

    def row(self, example: Example, name: str) -> Encoded:
        """One row, cut at max_length; `name` is what an error calls it. Raises ChatTemplateUnsuitable."""
        return self.rows([example], [name])[0]

    def rows(self, examples: Sequence[Example], names: Sequence[str]) -> list[Encoded]:
        """The same rows as one by one, faster."""
        end = self._max_length
        return [Encoded(input_ids=ids[:end], labels=labels[:end]) for ids, labels in self._wholes(examples, names)]

    def whole(self, example: Example, name: str) -> tuple[list[int], list[int]]:
        """Token ids and labels of a row before it is cut. Raises ChatTemplateUnsuitable."""
        return self._wholes([example], [name])[0]

    def question(self, turns: Sequence[Turn], name: str) -> list[int]:
        """Token ids of a prompt with the opening of an answer behind it. Raises ChatTemplateUnsuitable."""
        told = [{"role": turn.role, "content": turn.content} for turn in turns]
        return list(self._ids([self._render(told, name, ask=True)], special=False)[0])

    def _wholes(self, examples: Sequence[Example], names: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """The tokenizer gets the texts of all rows at once."""
        plans = [self._plan(example, name) for example, name in zip(examples, names, strict=True)]
        rendered = iter(self._ids([text for plan in plans if not plan.is_plain for text in plan.texts], special=False))
        plain = iter(self._ids([plan.texts[0] for plan in plans if plan.is_plain], special=True))
        found = []
        for plan, name in zip(plans, names, strict=True):
            tokens = [next(plain if plan.is_plain else rendered) for _ in plan.texts]
            found.append(self._learned(plan, tokens, name))
        return found

    def _plan(self, example: Example, name: str) -> "_Plan":
        match example:
            case PlainText(text):
                return _Plan((text,), is_plain=True)
            case Conversation():
                return self._plan_conversation(example, name)
            case _:
                raise AssertionError(f"{type(example).__name__} is for other recipes, which read it themselves")

    def _plan_conversation(self, conversation: Conversation, name: str) -> "_Plan":
        turns = [{"role": turn.role, "content": turn.content} for turn in conversation.turns]
        texts = [self._render(turns, name)]
        answers = [index for index, turn in enumerate(turns) if turn["role"] == "assistant"] * self._answers_only
        for index in answers:
            texts += [self._render(turns[:index], name, ask=True), self._render(turns[: index + 1], name)]
        return _Plan(tuple(texts), is_last_answer=bool(answers) and answers[-1] == len(turns) - 1)

    def _learned(self, plan: "_Plan", tokens: list[list[int]], name: str) -> tuple[list[int], list[int]]:
        ids = tokens[0]
        if plan.is_plain:
            ids = self._with_end(ids)
            return ids, list(ids)
        if not self._answers_only:
            ids = ids if self._end_of_answer(ids, 0) else self._with_end(ids)
            return ids, list(ids)
        labels = [IGNORED] * len(ids)
        for at in range(1, len(tokens), 2):
            start = self._common(ids, tokens[at], plan.texts[0], plan.texts[at], name)
            stop = self._common(ids, tokens[at + 1], plan.texts[0], plan.texts[at + 1], name)
            end = self._end_of_answer(ids[:stop], start)
            if end is None and at == len(tokens) - 2 and plan.is_last_answer:
                ids = self._with_end(ids)
                labels.extend([IGNORED] * (len(ids) - len(labels)))
                end = len(ids)
            end = end or stop
            labels[start:end] = ids[start:end]
        return ids, labels

    def _render(self, turns: list[dict[str, str]], name: str, *, ask: bool = False) -> str:
        """The conversation as text, with the opening of an answer behind it if `ask`."""
        try:
            return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask))
        except REFUSALS as error:
            raise ChatTemplateUnsuitable(row=name, why=f"It says: {error}.") from error

    def _ids(self, texts: list[str], *, special: bool) -> list[list[int]]:
        return list(self._tokenizer(texts, add_special_tokens=special)["input_ids"]) if texts else []

    def _common(self, ids: list[int], first: list[int], whole: str, beginning: str, name: str) -> int:
        """How many tokens the conversation shares with its beginning. Raises ChatTemplateUnsuitable.

        All of the beginning's, but for the last ones, which may merge with what follows.
        """
        if not whole.startswith(beginning):
            why = "It renders earlier turns differently when later ones follow, which hides answers."
            raise ChatTemplateUnsuitable(row=name, why=why)
        common = next((i for i, (a, b) in enumerate(zip(first, ids, strict=False)) if a != b), len(first))
        if common < len(first) - MERGED_TOKENS:
            why = "Its text is cut into other tokens when an answer follows, which hides answers."
            raise ChatTemplateUnsuitable(row=name, why=why)
        return common

    def _end_of_answer(self, ids: list[int], start: int) -> int | None:
        """Where learning ends: behind the last special token, if only white space follows it, else None."""
        for end in range(len(ids), start, -1):
            if ids[end - 1] in self._special:
                return end
            if str(self._tokenizer.decode([ids[end - 1]])).strip():
                return None
        return None

    def _with_end(self, ids: list[int]) -> list[int]:
        """The ids and the end-of-text token behind them, if there is such a token and it is not there yet."""
        end = self._tokenizer.eos_token_id
        return list(ids) if end is None or (ids and ids[-1] == end) else [*ids, end]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The texts whose tokens a row needs: the whole, then two beginnings for each answer that is learned.

    A plain text gets the tokenizer's special tokens, a rendered conversation brings its own.
    """

    texts: tuple[str, ...]
    is_last_answer: bool = False
    is_plain: bool = False


def _portions(examples: Sequence[Example]) -> Iterator[list[Example]]:
    """All examples in order, so few at a time that their texts and tokens fit into little memory."""
    batch, size = list[Example](), 0
    for example in examples:
        batch.append(example)
        size += sum(map(len, texts_of(example)))
        if len(batch) == BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _name(examples: Sequence[Example], part: str, index: int) -> str:
    """What errors call a row: its line in its file where that is known."""
    return examples.where(index) if isinstance(examples, Examples) else f"{part} row {index + 1}"


def _number(examples: Sequence[Example], index: int) -> str:
    return examples.where(index).removeprefix("row ") if isinstance(examples, Examples) else str(index + 1)
