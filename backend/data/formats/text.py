"""Plain text: one column, learned whole."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, PlainText
from backend.data.formats.base import Format, text_of
from backend.spec import Card


class Text(Format):
    """{"text": "..."}, or paragraphs of a .txt file."""

    card: ClassVar[Card] = Card(
        title="Plain text",
        summary="One text a row, learned whole.",
        use_when="You have text without questions.",
    )
    name: Literal["text"] = "text"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column text, or a mapped one."""
        return (named.text or "text") in columns

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The text."""
        text = text_of(fields, (named.text or "text",))
        if text is None:
            return f"there is no text in {named.text or 'text'!r}"
        return PlainText(text) if text.strip() else "the text is empty"
