"""How long rows are, how long a row may be, and how much of a batch is padding."""

import math
from collections.abc import Sequence

from backend.domain.data_report import LengthBin, Lengths, Packing

NUM_BINS = 12
STEP_TOKENS = 64  # lengths that are multiples of it suit the tiles of matrix kernels
SHARE_WHOLE = 0.99
RULE = "the smallest multiple of 64 that keeps 99 % of the sampled rows whole"


def lengths(counts: Sequence[int], *, max_length: int, batch_size: int) -> Lengths | None:
    """Everything about the lengths of rows in tokens, in the order of the file; None without rows."""
    if not counts:
        return None
    cut = [min(count, max_length) for count in counts]
    shares = {"50": 0.5, "90": 0.9, "95": 0.95, "99": 0.99, "100": 1.0}
    return Lengths(
        num_rows=len(counts),
        percentiles={name: percentile(counts, share) for name, share in shares.items()},
        histogram=histogram(counts),
        max_length=max_length,
        num_cut=sum(count > max_length for count in counts),
        proposed_max_length=proposed(counts),
        rule=RULE,
        packing=Packing(
            batch_size=batch_size, padded=fullness(cut, batch_size), grouped=fullness(sorted(cut), batch_size)
        ),
    )


def percentile(counts: Sequence[int], share: float) -> int:
    """The smallest length that at least this share of the rows does not exceed (nearest rank)."""
    return sorted(counts)[max(0, math.ceil(share * len(counts)) - 1)]


def proposed(counts: Sequence[int]) -> int:
    """A max_length by RULE."""
    return max(STEP_TOKENS, math.ceil(percentile(counts, SHARE_WHOLE) / STEP_TOKENS) * STEP_TOKENS)


def histogram(counts: Sequence[int]) -> tuple[LengthBin, ...]:
    """At most NUM_BINS bins of equal width, from the shortest row to the longest."""
    low, high = min(counts), max(counts)
    width = max(1, math.ceil((high - low + 1) / NUM_BINS))
    starts = range(low, high + 1, width)
    return tuple(
        LengthBin(low=start, high=start + width, num_rows=sum(start <= count < start + width for count in counts))
        for start in starts
    )


def fullness(counts: Sequence[int], batch_size: int) -> float:
    """Share of real tokens when rows are batched in this order and padded to the longest of each batch."""
    batches = [counts[start : start + batch_size] for start in range(0, len(counts), batch_size)]
    return sum(counts) / max(1, sum(max(batch) * len(batch) for batch in batches))
