"""Plain text: one column, learned whole."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from backend.data.choice import Columns
from backend.data.examples import Example, PlainText
from backend.data.formats.base import Format, find, missing, text_of, usual_or_named
from backend.spec import Card, ExampleKind


class Text(Format):
    """{"text": "..."}, or paragraphs of a .txt file."""

    card: ClassVar[Card] = Card(
        title="Plain text",
        summary="One text a row, learned whole.",
        use_when="You have text without questions.",
    )
    gives: ClassVar[ExampleKind] = ExampleKind.TEXT
    parts: ClassVar[frozenset[str]] = frozenset({"text"})
    name: Literal["text"] = "text"

    def fits(self, columns: frozenset[str], named: Columns) -> bool:
        """A column text, or a mapped one."""
        return find(columns, usual_or_named(named.text, "text")) is not None

    def read(self, fields: Mapping[str, object], named: Columns) -> Example | str:
        """The text."""
        names = usual_or_named(named.text, "text")
        text = text_of(fields, names)
        if text is None:
            return missing(names)
        return PlainText(text) if text.strip() else "the text is empty"
