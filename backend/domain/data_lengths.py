"""How long rows are, how long a row may be, and how much of a batch is padding."""

import math
from collections.abc import Sequence

from backend.domain.data_report import LengthBin, Lengths, Packing

NUM_BINS = 12
STEP_TOKENS = 64  # lengths that are multiples of it suit the tiles of matrix kernels
SHARE_WHOLE = 0.99
RULE = "the smallest multiple of 64 that keeps 99 % of the sampled rows whole"
JOINED = "rows are joined and cut into blocks of this length, so nothing is lost"


def lengths(
    counts: Sequence[int], *, max_length: int, batch_size: int, is_joined: bool = False, has_flat_rows: bool = True
) -> Lengths | None:
    """Everything about the lengths of rows in tokens, in the order of the file; None without rows.

    `is_joined`: rows become blocks of max_length, as in continued pretraining.
    """
    if not counts:
        return None
    cut = blocks(sum(counts), max_length) if is_joined else [min(count, max_length) for count in counts]
    shares = {"50": 0.5, "90": 0.9, "95": 0.95, "99": 0.99, "100": 1.0}
    return Lengths(
        num_rows=len(counts),
        percentiles={name: percentile(counts, share) for name, share in shares.items()},
        histogram=histogram(counts),
        max_length=max_length,
        num_cut=0 if is_joined else sum(count > max_length for count in counts),
        proposed_max_length=max_length if is_joined else proposed(counts),
        rule=JOINED if is_joined else RULE,
        packing=Packing(
            batch_size=batch_size,
            padded=fullness(cut, batch_size),
            grouped=fullness(sorted(cut), batch_size),
            flat=1.0 if has_flat_rows else None,
        ),
    )


def blocks(num_tokens: int, size: int) -> list[int]:
    """The lengths of the blocks that so many tokens are cut into."""
    whole, rest = divmod(num_tokens, size)
    return [size] * whole + [rest] * bool(rest)


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
