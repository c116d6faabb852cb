"""What is worth knowing about rows that can be used."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from backend.data.examples import Example
from backend.data.packing import answers_of, texts_of

LONG_CHARACTERS = 100_000  # about 25,000 tokens of English
MAX_NAMED = 5
MARK = "\ufeff"
# UTF-8 that was read as Latin-1 or Windows-1252 and written again, or was given up on
_MIXED = re.compile("[\u00c3\u00c2][\u0080-\u00bf]|\u00e2\u20ac|\u00ef\u00bb\u00bf|\ufffd")


class RemarkKind(StrEnum):
    """What was noticed."""

    DUPLICATE = "equals an earlier row"
    EMPTY_ANSWER = "has an answer without a letter or digit"
    LONG_ANSWER = f"has an answer of more than {LONG_CHARACTERS:,} characters"
    BYTE_ORDER_MARK = "has a byte-order mark inside its text"
    MIXED_ENCODING = "has text that looks decoded with the wrong encoding"
    LEAK = "equals a validation row, and is not trained on"
    NEAR_LEAK = "is trained on and differs from a validation row in capitals or white space only"


@dataclass(frozen=True, slots=True)
class Remark:
    """One kind: how many rows it concerns, and the names of the first few."""

    kind: RemarkKind
    count: int
    rows: tuple[str, ...]

    def __str__(self) -> str:
        """All in one line."""
        more = ", ..." if self.count > len(self.rows) else ""
        rows = "1 row" if self.count == 1 else f"{self.count:,} rows"
        return f"{rows}: {self.kind.value} ({', '.join(self.rows)}{more})"


def noticed(example: Example) -> Iterator[RemarkKind]:
    """What an example shows by itself."""
    answers = answers_of(example)
    if any(len(answer) > LONG_CHARACTERS for answer in answers):
        yield RemarkKind.LONG_ANSWER
    if not all(any(map(str.isalnum, answer)) for answer in answers):
        yield RemarkKind.EMPTY_ANSWER
    unusual = [text for text in texts_of(example) if not text.isascii()]
    if any(MARK in text for text in unusual):
        yield RemarkKind.BYTE_ORDER_MARK
    if any(_MIXED.search(text) for text in unusual):
        yield RemarkKind.MIXED_ENCODING
