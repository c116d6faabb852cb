"""A dataset as training takes it: every row checked, split by the seed, mixed by the weights."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.data.cache import key_of
from backend.data.choice import DatasetChoice, DatasetPart
from backend.data.errors import DatasetEmpty
from backend.data.examples import Example
from backend.data.lazy import Examples
from backend.data.prepared import Prepared, Progress, prepare
from backend.data.reading import Kinds
from backend.data.sides import Flags, epoch, held_out, is_among


@dataclass(frozen=True, slots=True)
class LoadedDataset:
    """`train` and `validation` share no example; `num_rows` counts the rows of the training files.

    Both are `Examples` where they come from files: read when asked for, and `where(index)` names the line.
    `format` is that of the first dataset. `fingerprint` is the SHA-256 of a single file's bytes, else one of all
    fingerprints and weights.
    """

    train: Sequence[Example]
    validation: Sequence[Example]
    format: str
    num_rows: int
    fingerprint: str


def load(
    choice: DatasetChoice,
    base: Path,
    seed: int,
    kinds: Kinds | None = None,
    *,
    cache: Path | None = None,
    progress: Progress = lambda _: None,
) -> LoadedDataset:
    """Read and split.

    Only formats that give one of `kinds` are taken, if any are named. What was read is kept in `cache`, or in a
    temporary file. `progress` gets the number of rows read so far of each part; what it raises is passed on.
    Rows that a validation dataset has too are not trained on. Raises DataError if any row cannot be used:
    nothing is left out in silence.
    """
    parts = [prepare(part, base, kinds, cache, progress) for part in choice.parts]
    second = prepare(choice.validation, base, kinds, cache, progress) if choice.validation else None
    is_out = _is_out(parts, second, choice, seed)
    ends = np.cumsum([part.num_rows for part in parts])
    starts = ends - [part.num_rows for part in parts]
    kept = [np.flatnonzero(~is_out[start:end]) + start for start, end in zip(starts, ends, strict=True)]
    train = epoch(kept, [part.weight for part in choice.parts], seed)
    if not len(train):
        raise DatasetEmpty(path=choice.path, reason="every row is held out for validation")
    held = Examples(parts, np.flatnonzero(is_out), cache)
    if second is not None:
        held = Examples([second], np.arange(second.num_rows), cache)
    return LoadedDataset(
        train=Examples(parts, train, cache),
        validation=held,
        format=parts[0].format,
        num_rows=int(ends[-1]),
        fingerprint=fingerprint(
            [part.fingerprint for part in parts], choice.parts, second.fingerprint if second else None
        ),
    )


def fingerprint(marks: Sequence[str], parts: Sequence[DatasetPart], second: str | None) -> str:
    """One for the parts' fingerprints, their weights and the validation dataset's."""
    first, weights = marks[0], [part.weight for part in parts]
    if len(parts) > 1 or weights != [1]:
        first = key_of(list(marks), weights)
    return first if second is None else hashlib.sha256(f"{first} {second}".encode()).hexdigest()


def _is_out(parts: Sequence[Prepared], second: Prepared | None, choice: DatasetChoice, seed: int) -> Flags:
    """Which rows are not trained on."""
    hashes = np.concatenate([part.hashes() for part in parts])
    if second is not None:
        return is_among(hashes, second.hashes())
    return held_out(hashes, choice.validation_fraction, seed)
