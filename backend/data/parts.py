"""The parts of a dataset with where they are read from: those that are trained on, then the one evaluated on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.data.choice import DatasetChoice, DatasetPart
from backend.data.sources import Source, sources


@dataclass(frozen=True, slots=True)
class OpenedPart:
    """A part, its sources, and whether it is the validation dataset."""

    part: DatasetPart
    sources: tuple[Source, ...]
    is_validation: bool = False


def open_parts(choice: DatasetChoice, base: Path, *, may_fetch: bool) -> list[OpenedPart]:
    """Every part in order. Raises as `sources`."""
    opened = [OpenedPart(part, sources(part, base, may_fetch=may_fetch)) for part in choice.parts]
    if choice.validation is not None:
        found = sources(choice.validation, base, may_fetch=may_fetch)
        opened.append(OpenedPart(choice.validation, found, is_validation=True))
    return opened


def names_of(opened: Sequence[OpenedPart]) -> list[str]:
    """What the rows of each source are said to be of: nothing where there is only one.

    Sources of the same name in different parts are called by the path of their part.
    """
    pairs = [(each, source.name) for each in opened for source in each.sources]
    if len(pairs) == 1:
        return [""]
    counts = Counter(name for _, name in pairs)
    return [name if counts[name] == 1 else _with_part(each, name) for each, name in pairs]


def _with_part(each: OpenedPart, name: str) -> str:
    return each.part.path if len(each.sources) == 1 else f"{each.part.path}/{name}"
