"""Rows turned into tokens in a limited child, because a chat template is a program of a stranger."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from backend.data.examples import Example, PlainText
from backend.domain.data_checks import EncodedRow
from backend.domain.data_report import Place
from backend.trainer.errors import ChatTemplateUnsuitable
from backend.trainer.limited import ChildFailed, Limits, TooBig, TooSlow, limited
from backend.trainer.readings import Reader, Side
from backend.trainer.template_errors import TemplateTooBig, TemplateTooSlow

NUM_TRIED = 4


@dataclass(slots=True)
class Encodings:
    """What the child made. `refused` says why by row; `ended` is how and at which row a limit ended it."""

    rows: list[EncodedRow] = field(default_factory=list)
    refused: dict[Place, str] = field(default_factory=dict)
    ended: tuple[str, Place] | None = None


def encode(read: Reader, examples: Sequence[tuple[Place, Example]], limits: Limits) -> Encodings:
    """Encode rows by their names as training will, before they are cut; it ends at the first that breaks a limit."""
    made = Encodings()
    numbers = [number for number, _ in examples]
    current = -1
    try:
        for current, line in enumerate(limited(lambda: _encoded(read, examples), limits)):
            found = json.loads(line)
            if "why" in found:
                made.refused[numbers[current]] = found["why"]
            for side in found.get("sides", ()):
                made.rows.append(EncodedRow(numbers[current], tuple(side["ids"]), tuple(side["labels"]), side["name"]))
    except (TooSlow, TooBig) as error:
        name = "template-too-slow" if isinstance(error, TooSlow) else "template-too-big"
        made.ended = name, numbers[min(current + 1, len(numbers) - 1)]
    except ChildFailed as error:
        made.refused[numbers[min(current + 1, len(numbers) - 1)]] = f"The process that tried it failed: {error}."
    return made


def try_template(read: Reader, examples: Iterable[Example], limits: Limits | None = None) -> None:
    """Let the first rows pass through the chat template in a limited child, before it is trusted in this process.

    It costs a fork, about 0.02 s. Raises TemplateTooSlow, TemplateTooBig.
    """
    first: list[tuple[Place, Example]] = list(enumerate(islice(examples, NUM_TRIED), 1))
    if all(isinstance(example, PlainText) for _, example in first):
        return
    limits = limits or Limits()
    made = encode(read, first, limits)
    match made.ended:
        case ("template-too-slow", number):
            raise TemplateTooSlow(row=f"row {number}", seconds=limits.item_seconds)
        case ("template-too-big", number):
            raise TemplateTooBig(row=f"row {number}", megabytes=limits.more_bytes / 1e6)


def _encoded(read: Reader, examples: Sequence[tuple[Place, Example]]) -> Iterator[str]:
    for number, example in examples:
        try:
            sides = read(example, f"row {number}")
        except ChatTemplateUnsuitable as error:
            yield json.dumps({"why": str(error.data["why"])})
            continue
        yield json.dumps({"sides": [_plain(side) for side in sides]})


def _plain(side: Side) -> dict[str, object]:
    return {"name": side.name, "ids": list(map(int, side.ids)), "labels": list(map(int, side.labels))}
