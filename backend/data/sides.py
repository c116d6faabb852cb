"""Which rows are trained on, how often, and in which order: pure functions of hashes, weights and the seed."""

import random
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]
_PORTION_ROWS = 1 << 20
_BUCKET_BITS = np.uint64(59)  # 32 buckets: sorting takes a 32nd of the memory


def first_of_each(hashes: Hashes) -> Flags:
    """True for rows that equal no earlier one."""
    flags = np.zeros(len(hashes), dtype=np.bool_)
    if len(hashes) <= _PORTION_ROWS:
        flags[np.unique(hashes, return_index=True)[1]] = True
        return flags
    buckets = np.empty(len(hashes), dtype=np.uint8)
    for start in range(0, len(hashes), _PORTION_ROWS):
        portion = slice(start, start + _PORTION_ROWS)
        buckets[portion] = hashes[portion] >> _BUCKET_BITS
    for bucket in range(32):
        inside = np.flatnonzero(buckets == bucket)
        flags[inside[np.unique(hashes[inside], return_index=True)[1]]] = True
    return flags


def first_true(flags: Flags, count: int) -> list[int]:
    """The indices of the first `count` true flags, or of all if they are fewer."""
    found: list[int] = []
    for start in range(0, len(flags), _PORTION_ROWS):
        found += (np.flatnonzero(flags[start : start + _PORTION_ROWS])[:count] + start).tolist()
        if len(found) >= count:
            break
    return found[:count]


def is_among(hashes: Hashes, wanted: Hashes) -> Flags:
    """True for rows whose hash is one of the wanted, in any order."""
    flags = np.zeros(len(hashes), dtype=np.bool_)
    if not len(wanted):
        return flags
    known = np.sort(wanted)
    for start in range(0, len(hashes), _PORTION_ROWS):
        portion = hashes[start : start + _PORTION_ROWS]
        found = np.minimum(np.searchsorted(known, portion), len(known) - 1)
        flags[start : start + len(portion)] = known[found] == portion
    return flags


def held_out(hashes: Hashes, fraction: float, seed: int, firsts: Flags | None = None) -> Flags:
    """True for rows to validate on; equal rows go to the same side. `firsts` is `first_of_each`, if it is known.

    `fraction` is one of the different rows. Above 0, with two different rows both sides have at least one.
    """
    firsts = first_of_each(hashes) if firsts is None else firsts
    num_different = int(firsts.sum())
    if fraction == 0 or num_different <= 1:
        return np.zeros(len(hashes), dtype=np.bool_)
    wanted = min(num_different - 1, max(1, round(num_different * fraction)))
    chosen = random.Random(seed).sample(range(num_different), wanted)  # noqa: S311 - a split, not a secret
    return is_among(hashes, _true_ones(hashes, firsts, np.sort(np.fromiter(chosen, np.int64, wanted))))


def _true_ones(hashes: Hashes, flags: Flags, numbers: Indices) -> Hashes:
    """The hashes of some of the rows whose flag is true; `numbers` count these from 0 and ascend."""
    found, before = [], 0
    for start in range(0, len(flags), _PORTION_ROWS):
        inside = np.flatnonzero(flags[start : start + _PORTION_ROWS])
        low, high = np.searchsorted(numbers, [before, before + len(inside)])
        found.append(hashes[start + inside[numbers[low:high] - before]])
        before += len(inside)
    return np.concatenate(found)


def epoch(parts: Sequence[Indices], weights: Sequence[float], seed: int) -> Indices:
    """The rows of one epoch: those of each part `weight` times, the parts spread evenly among one another.

    A weight's whole number repeats all rows of the part in their order; its fraction adds that share of the rows,
    at least one where there is nothing else, drawn by the seed and kept in their order.
    """
    pairs = zip(parts, weights, strict=True)
    taken = [_times(rows, weight, f"{seed} {index}") for index, (rows, weight) in enumerate(pairs)]
    if len(taken) == 1:
        return taken[0]
    places = np.concatenate([(np.arange(len(rows)) + 0.5) / max(1, len(rows)) for rows in taken])
    return np.concatenate(taken)[np.argsort(places, kind="stable")]


def times(num_rows: int, weight: float) -> tuple[int, int]:
    """How often all rows of a part come in an epoch, and how many come once more."""
    whole = int(weight)
    return whole, round(num_rows * (weight - whole)) or int(whole == 0 and num_rows > 0)


def _times(rows: Indices, weight: float, seed: str) -> Indices:
    if weight == 1 or not len(rows):
        return rows
    whole, num_more = times(len(rows), weight)
    more = random.Random(seed).sample(range(len(rows)), num_more)  # noqa: S311 - a choice of rows, not a secret
    return np.concatenate([*[rows] * whole, rows[np.sort(np.array(more, dtype=np.int64))]])
