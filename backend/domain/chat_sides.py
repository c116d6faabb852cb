"""Whose answers stand side by side: the base model, results of runs and their checkpoints; as texts in an address."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_SIDES = 4
BASE = "base"
NONE = "none"  # in an address: nothing beside the tuned model
_ADDRESS = re.compile(r"run:(?P<run>[a-z0-9][a-z0-9-]{0,63})(?:@checkpoint-(?P<step>\d{1,12}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Side:
    """A run's result, or its checkpoint of a step; without a run the base model."""

    run_id: str | None = None
    step: int | None = None

    @property
    def address(self) -> str:
        """How it is written in an address: base, run:ID or run:ID@checkpoint-40."""
        if self.run_id is None:
            return BASE
        return f"run:{self.run_id}" + ("" if self.step is None else f"@checkpoint-{self.step}")

    @classmethod
    def parse(cls, address: str) -> "Side | None":
        """None for a text that is no side."""
        if address == BASE:
            return cls()
        found = _ADDRESS.fullmatch(address)
        if found is None:
            return None
        return cls(found["run"], None if found["step"] is None else int(found["step"]))


@dataclass(frozen=True, slots=True)
class Subject:
    """What a conversation is about: a run, or a base model alone by its folder or hub id."""

    run_id: str | None = None
    model: str | None = None

    @property
    def key(self) -> str:
        """A text that no other subject has."""
        return f"run:{self.run_id}" if self.run_id is not None else f"model:{self.model}"

    @property
    def first(self) -> Side:
        """Who always answers."""
        return Side(self.run_id)


def read_sides(
    first: Side, beside: Iterable[str], *, with_base: bool = True
) -> tuple[tuple[Side, ...], tuple[str, ...]]:
    """The sides in an address, base first and each once, and the texts that name none or are too many.

    If nothing is said about a run's other sides, its base is one `with_base`; `none` means the run alone.
    """
    texts = list(beside)
    if not texts and with_base:
        texts = [BASE]
    found, refused = [first], []
    for text in texts:
        side = Side.parse(text)
        if text == NONE or side in found:
            continue
        if side is None or len(found) == MOST_SIDES:
            refused.append(text)
        else:
            found.append(side)
    return tuple(sorted(found, key=lambda side: side.run_id is not None)), tuple(refused)


def written(first: Side, sides: Sequence[Side]) -> list[str]:
    """What `with=` says in the address for these sides."""
    return [side.address for side in sides if side != first] or [NONE]
