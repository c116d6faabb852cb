"""How rows become examples; a new format is one file and one name in this union."""

from collections.abc import Callable
from typing import cast

from backend.data.choice import Columns
from backend.data.formats.alpaca import Alpaca
from backend.data.formats.base import Format
from backend.data.formats.kto import RatedAnswers
from backend.data.formats.messages import Messages
from backend.data.formats.preference import PreferencePairs
from backend.data.formats.prompt import Prompts
from backend.data.formats.prompt_completion import PromptCompletion
from backend.data.formats.sharegpt import ShareGpt
from backend.data.formats.text import Text
from backend.plugins.joining import plugged
from backend.plugins.kinds import PluginKind
from backend.spec import ExampleKind

AnyFormat = Messages | ShareGpt | Alpaca | PromptCompletion | Text | PreferencePairs | RatedAnswers | Prompts


def formats() -> tuple[Format, ...]:
    """One of each, in the order in which they are tried: those of plugins last."""
    own = (Messages(), ShareGpt(), Alpaca(), PromptCompletion(), Text(), PreferencePairs(), RatedAnswers(), Prompts())
    return (*own, *(cast(Callable[[], Format], spec)() for spec in plugged(PluginKind.FORMATS)))


def detect(columns: frozenset[str], named: Columns, kinds: tuple[ExampleKind, ...] | None = None) -> Format | None:
    """The first format that fits the columns and has a use for all the columns that a person named, or None.

    Only formats that give one of `kinds` are tried, if any are named.
    """
    mapped = named.model_dump(exclude_none=True).keys()
    tried = (each for each in formats() if kinds is None or each.gives in kinds)
    return next((each for each in tried if mapped <= each.parts and each.fits(columns, named)), None)


def by_name(name: str) -> Format:
    """The format of a name that DatasetChoice.format allows, other than auto."""
    return next(each for each in formats() if each.name == name)


__all__ = [
    "Alpaca",
    "AnyFormat",
    "Format",
    "Messages",
    "PreferencePairs",
    "PromptCompletion",
    "Prompts",
    "RatedAnswers",
    "ShareGpt",
    "Text",
    "by_name",
    "detect",
    "formats",
]
