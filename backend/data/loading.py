"""A dataset as training takes it: read whole, checked, split by the seed."""

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetBroken, DatasetEmpty
from backend.data.examples import Example
from backend.data.reading import ReadRow, read_examples, resolve
from backend.data.rows import RowProblem

MAX_NAMED = 10


@dataclass(frozen=True, slots=True)
class LoadedDataset:
    """`train` and `validation` share no example; `num_rows` counts the rows of the file itself.

    `fingerprint` is the SHA-256 of the file's bytes, or with a validation file that of both fingerprints.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    format: str
    num_rows: int
    fingerprint: str


def load(choice: DatasetChoice, base: Path, seed: int) -> LoadedDataset:
    """Read and split.

    Rows that a validation file has too are not trained on. Raises DataError if any row cannot be used:
    nothing is left out in silence.
    """
    path = resolve(choice.path, base)
    name, examples = _read(path, choice)
    mark = fingerprint(path)
    if choice.validation_path is None:
        train, validation = split(examples, choice.validation_fraction, seed)
    else:
        second = resolve(choice.validation_path, base)
        validation = _read(second, choice)[1]
        held_out = set(validation)
        train = tuple(example for example in examples if example not in held_out)
        mark = hashlib.sha256(f"{mark} {fingerprint(second)}".encode()).hexdigest()
    if not train:
        raise DatasetEmpty(path=path, reason="every row is held out for validation")
    return LoadedDataset(train, validation, name, len(examples), mark)


def split(examples: tuple[Example, ...], fraction: float, seed: int) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Train and validation in the order of the file; equal examples go to the same side.

    With a fraction above 0 and two different examples both sides have at least one.
    """
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
    name, rows = read_examples(path, choice)
    examples: list[Example] = []
    problems: list[RowProblem] = []
    for row in rows:
        found = row.example if isinstance(row, ReadRow) else row
        if isinstance(found, RowProblem):
            problems.append(found)
        else:
            examples.append(found)
    if problems:
        more = "; ..." if len(problems) > MAX_NAMED else ""
        named = "; ".join(map(str, problems[:MAX_NAMED])) + more
        total = len(problems) + len(examples)
        raise DatasetBroken(path=path, count=len(problems), total=total, rows=named)
    return name, tuple(examples)
