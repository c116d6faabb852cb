"""Which rows make up each optimizer step: a pure function of seed and epoch."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Sampler

GROUP_STEPS = 50  # rows are sorted by length within so many steps, as Hugging Face's LengthGroupedSampler does

Lengths = np.ndarray[tuple[int], np.dtype[np.int64]]
Order = Literal["shuffled", "grouped"]


def row_lengths(rows: Sequence[Any]) -> Lengths:
    """Tokens of each row: the rows' own `lengths` if they have them, or else each is asked."""
    known = getattr(rows, "lengths", None)
    found = known if known is not None else [len(row["input_ids"]) for row in rows]
    return np.asarray(found, dtype=np.int64)


class StepOrder(Sampler[list[int]]):
    """Yields the row numbers of one optimizer step after another; skipping steps costs nothing but counting.

    "shuffled" is the order of a Hugging Face Trainer with the same data_seed (accelerate's SeedableRandomSampler).
    """

    def __init__(self, lengths: Sequence[int] | Lengths, *, rows_per_step: int, seed: int, order: Order) -> None:
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._seed = seed
        self._order = order
        self._epoch = 0
        self.batch_size = rows_per_step  # the two names that accelerate looks for when it deals steps to processes
        self.drop_last = False

    def set_epoch(self, epoch: int) -> None:
        """Which pass over the rows comes next, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Steps per epoch."""
        return math.ceil(len(self._lengths) / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        """The steps of this epoch; the last one may have fewer rows."""
        generator = torch.Generator().manual_seed(self._seed + self._epoch)
        rows = torch.randperm(len(self._lengths), generator=generator).numpy()
        size = self.batch_size
        if self._order == "grouped":
            rows = self._grouped(rows)
        steps = [rows[start : start + size].tolist() for start in range(0, len(rows), size)]
        if self._order == "grouped":
            whole = len(rows) // size
            places = [*torch.randperm(whole, generator=generator).tolist(), *range(whole, len(steps))]
            steps = [steps[place] for place in places]
        yield from steps

    def _grouped(self, rows: Any) -> Any:  # noqa: ANN401 - numpy's arrays of unknown length
        size = GROUP_STEPS * self.batch_size
        groups = [rows[start : start + size] for start in range(0, len(rows), size)]
        return np.concatenate([group[np.argsort(-self._lengths[group], kind="stable")] for group in groups])
