"""How the rows of one optimizer step become micro-batches of bounded size."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from backend.trainer.collation import IGNORED, Encoded

Numbers = Any  # numpy arrays of one dimension and int64


@dataclass(frozen=True, slots=True)
class Piece:
    """One row as the model reads it: `inputs` are token ids, `targets` the tokens that follow each, or IGNORED."""

    inputs: Numbers
    targets: Numbers


def piece(row: Encoded, *, is_cut: bool) -> Piece:
    """A row; with `is_cut`, without the tokens that no learned token comes after, which change no loss."""
    ids = np.asarray(row["input_ids"], dtype=np.int64)
    labels = np.asarray(row["labels"], dtype=np.int64)
    targets = np.append(labels[1:], IGNORED)
    if is_cut:
        learned = np.flatnonzero(targets != IGNORED)
        end = int(learned[-1]) + 1 if len(learned) else 1
        return Piece(ids[:end], targets[:end])
    return Piece(ids, targets)


def arranged_flat(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Row numbers in as few groups of at most `budget` tokens as are needed, of about equal size.

    The longest rows are dealt first, each to the emptiest group (Graham's LPT rule, 1969). A row that is longer
    than the budget has a group for itself.
    """
    if not lengths:
        return []
    for count in range(min(len(lengths), -(-sum(lengths) // budget)), len(lengths) + 1):
        groups = _dealt(lengths, count)
        if all(len(group) == 1 or sum(lengths[index] for index in group) <= budget for group in groups):
            return [sorted(group) for group in groups]
    raise AssertionError("one group per row always fits")


def _dealt(lengths: Sequence[int], count: int) -> list[list[int]]:
    groups: list[list[int]] = [[] for _ in range(count)]
    filled = [0] * count
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        emptiest = filled.index(min(filled))
        groups[emptiest].append(index)
        filled[emptiest] += lengths[index]
    return groups


def arranged_padded(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Row numbers in groups of similar length, so that rows x longest is at most `budget`, padding included."""
    groups: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        if groups and (len(groups[-1]) + 1) * lengths[groups[-1][0]] <= budget:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


@dataclass(frozen=True, slots=True)
class StepCollator:
    """Makes {"micro_batches": (...)} of a step's rows; the order of rows within a step changes no sum.

    With `rows_at_once` each micro-batch has so many rows, whatever their length; else at most `budget` tokens.
    It draws no random numbers: on a resume Hugging Face fetches the first batch before it restores them.
    """

    pad_id: int
    budget: int
    is_flat: bool
    is_learned: bool
    rows_at_once: int = 0

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Any]:
        """Micro-batches as `micro_batch` describes them."""
        pieces = [piece(row, is_cut=self.is_learned) for row in rows]
        lengths = [len(piece.inputs) for piece in pieces]
        groups = self._groups(lengths)
        whole = [len(row["input_ids"]) for row in rows]
        return {
            "micro_batches": tuple(
                self.micro_batch([pieces[index] for index in group]) | {"num_tokens": sum(whole[i] for i in group)}
                for group in groups
            )
        }

    def _groups(self, lengths: Sequence[int]) -> list[list[int]]:
        if self.rows_at_once:
            numbers = range(len(lengths))
            return [list(numbers[start : start + self.rows_at_once]) for start in numbers[:: self.rows_at_once]]
        return (arranged_flat if self.is_flat else arranged_padded)(lengths, self.budget)

    def micro_batch(self, pieces: Sequence[Piece]) -> dict[str, Any]:
        """`input_ids` with `attention_mask`, or for a flat row `position_ids` and `row_lengths`.

        What counts in the loss is either `learned` and `targets` (see engine.forward), or `labels`; `num_learned`
        is known without asking a GPU.
        """
        ids, targets, extra = self._flat(pieces) if self.is_flat else self._padded(pieces)
        if self.is_learned:
            flat = targets.reshape(-1)
            learned = np.flatnonzero(flat != IGNORED)
            loss = {"learned": torch.from_numpy(learned), "targets": torch.from_numpy(flat[learned])}
        else:
            labels = np.full_like(targets, IGNORED)
            labels[:, 1:] = targets[:, :-1]
            loss = {"labels": torch.from_numpy(labels)}
        return {"input_ids": torch.from_numpy(ids), "num_learned": int((targets != IGNORED).sum())} | extra | loss

    def _flat(self, pieces: Sequence[Piece]) -> tuple[Numbers, Numbers, dict[str, Any]]:
        lengths = [len(piece.inputs) for piece in pieces]
        positions = np.concatenate([np.arange(length, dtype=np.int64) for length in lengths])
        extra = {"row_lengths": tuple(lengths), "position_ids": torch.from_numpy(positions[None])}
        ids = np.concatenate([piece.inputs for piece in pieces])[None]
        return ids, np.concatenate([piece.targets for piece in pieces])[None], extra

    def _padded(self, pieces: Sequence[Piece]) -> tuple[Numbers, Numbers, dict[str, Any]]:
        shape = (len(pieces), max(len(piece.inputs) for piece in pieces))
        ids, targets, mask = np.full(shape, self.pad_id), np.full(shape, IGNORED), np.zeros(shape, dtype=np.int64)
        for index, row in enumerate(pieces):
            length = len(row.inputs)
            ids[index, :length], targets[index, :length], mask[index, :length] = row.inputs, row.targets, 1
        return ids, targets, {"attention_mask": torch.from_numpy(mask)}
