"""How examples become token ids, and which of them are learned."""

from collections.abc import Callable, Sequence

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from backend.data.examples import Conversation, Example, PlainText
from backend.trainer.collation import IGNORED, Encoded
from backend.trainer.errors import ChatTemplateUnsuitable, RowsTooLong

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

    def encode(self, examples: Sequence[Example], part: str, progress: Callable[[float], None]) -> list[Encoded]:
        """All rows of a part ("training", "validation"), cut at max_length; progress runs from 0 to 1.

        Raises ChatTemplateUnsuitable, and RowsTooLong if cutting leaves some row nothing to learn.
        """
        rows, empty = [], []
        for index, example in enumerate(examples):
            row = self.row(example, f"{part} row {index + 1}")
            rows.append(row)
            # the first token is never predicted, so learning begins at the second
            if all(label == IGNORED for label in row["labels"][1:]):
                empty.append(index + 1)
            progress((index + 1) / len(examples))
        if empty:
            named = ", ".join(map(str, empty[:NAMED_ROWS])) + (", ..." if len(empty) > NAMED_ROWS else "")
            raise RowsTooLong(count=len(empty), total=len(rows), part=part, max_length=self._max_length, rows=named)
        return rows

    def row(self, example: Example, name: str) -> Encoded:
        """One row, cut at max_length; `name` is what an error calls it. Raises ChatTemplateUnsuitable."""
        ids, labels = self.whole(example, name)
        return {"input_ids": ids[: self._max_length], "labels": labels[: self._max_length]}

    def whole(self, example: Example, name: str) -> tuple[list[int], list[int]]:
        """Token ids and labels of a row before it is cut. Raises ChatTemplateUnsuitable."""
        match example:
            case PlainText():
                ids = self._with_end(self._tokenizer(example.text)["input_ids"])
                return ids, list(ids)
            case Conversation():
                return self._conversation(example, name)
            case _:
                raise AssertionError(f"{type(example).__name__} is for other recipes, which read it themselves")

    def _conversation(self, conversation: Conversation, name: str) -> tuple[list[int], list[int]]:
        turns = [{"role": turn.role, "content": turn.content} for turn in conversation.turns]
        whole = self._render(turns, name)
        ids = self._ids(whole)
        if not self._answers_only:
            ids = ids if self._end_of_answer(ids, 0) else self._with_end(ids)
            return ids, list(ids)
        labels = [IGNORED] * len(ids)
        for index, turn in enumerate(turns):
            if turn["role"] != "assistant":
                continue
            start = self._common(ids, whole, self._render(turns[:index], name, ask=True), name)
            stop = self._common(ids, whole, self._render(turns[: index + 1], name), name)
            end = self._end_of_answer(ids[:stop], start)
            if end is None and index == len(turns) - 1:
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

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _common(self, ids: list[int], whole: str, beginning: str, name: str) -> int:
        """How many tokens the conversation shares with its beginning. Raises ChatTemplateUnsuitable.

        All of the beginning's, but for the last ones, which may merge with what follows.
        """
        if not whole.startswith(beginning):
            why = "It renders earlier turns differently when later ones follow, which hides answers."
            raise ChatTemplateUnsuitable(row=name, why=why)
        first = self._ids(beginning)
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
