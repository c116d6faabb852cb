"""A dataset as training takes it: read whole, checked, split by the seed."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetBroken, DatasetEmpty
from backend.data.examples import Example
from backend.data.reading import ReadRow, read_examples, resolve

MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class LoadedDataset:
    """`train` and `validation` share no example. `fingerprint` is the SHA-256 of the file's bytes."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    format: str
    num_rows: int
    fingerprint: str


def load(choice: DatasetChoice, base: Path, seed: int) -> LoadedDataset:
    """Read and split. Raises DataError if any row cannot be used: nothing is left out in silence."""
    path = resolve(choice.path, base)
    name, examples = _read(path, choice)
    if choice.validation_path is not None:
        validation = _read(resolve(choice.validation_path, base), choice)[1]
        held_out = set(validation)
        train = tuple(example for example in examples if example not in held_out)
    else:
        train, validation = split(examples, choice.validation_fraction, seed)
    if not train:
        raise DatasetEmpty(path=path, reason="every row is held out for validation")
    return LoadedDataset(train, validation, name, len(examples), fingerprint(path))


def split(examples: tuple[Example, ...], fraction: float, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Train and validation in the order of the file; equal examples go to the same side, at least one each."""
    distinct = list(dict.fromkeys(examples))
    if fraction == 0 or len(distinct) == 1:
        return examples, ()
    wanted = min(len(distinct) - 1, max(1, round(len(distinct) * fraction)))
    held_out = set(random.Random(seed).sample(distinct, wanted))  # noqa: S311 - a split, not a secret
    train = tuple(example for example in examples if example not in held_out)
    return train, tuple(example for example in examples if example in held_out)


def fingerprint(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path, choice: DatasetChoice) -> tuple[str, tuple[Example, ...]]:
    chosen, rows = read_examples(path, choice)
    examples: list[Example] = []
    problems = []
    for row in rows:
        if isinstance(row, ReadRow):
            examples.append(row.example)
        else:
            problems.append(row)
    if problems:
        named = "; ".join(map(str, problems[:MAX_NAMED]))
        raise DatasetBroken(path=path, count=len(problems), rows=named)
    return chosen.name, tuple(examples)
