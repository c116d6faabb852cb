"""TensorBoard's smoothing of a curve."""

from functools import lru_cache

import numpy as np

from backend.domain.curves import Numbers

_BLOCK = 64
_NOTHING = 2.0**-60  # what changes no double between a half and one when it is taken away


def smooth(values: Numbers, weight: float) -> Numbers:
    """The debiased exponential moving average that TensorBoard draws; shape (n,) in and out.

    Over the finite values y1, y2, ...:  s_k = weight * s_(k-1) + (1 - weight) * y_k  with s_0 = 0, and the
    result is s_k / (1 - weight**k). NaN and infinities stay where they are and do not count. Weight 0 and
    constant curves are returned as they are. Source: tensorboard `line_chart/data_transformer.ts`,
    classicSmoothing. Raises ValueError if `weight` is not in [0, 1).
    """
    if not 0 <= weight < 1:
        raise ValueError(f"weight must be at least 0 and below 1, not {weight}")
    smoothed = np.array(values, np.float64)
    is_finite = np.isfinite(smoothed)
    finite = smoothed[is_finite]
    if weight > 0 and len(finite) and finite.min() != finite.max():
        averages = (1 - weight) * _sums(finite, weight)
        num_biased = min(len(finite), int(np.log(_NOTHING) / np.log(weight)) + 1)
        averages[:num_biased] /= 1 - weight ** np.arange(1, num_biased + 1)
        smoothed[is_finite] = averages
    return smoothed


def _sums(values: Numbers, weight: float) -> Numbers:
    """t_k = weight * t_(k-1) + y_k with t_0 = 0: within blocks by a matrix, across blocks by the same once more."""
    num_blocks = -(-len(values) // _BLOCK)
    blocks = np.zeros(num_blocks * _BLOCK)
    blocks[: len(values)] = values
    weights, powers = _weights(weight)
    sums = blocks.reshape(-1, _BLOCK) @ weights
    if num_blocks > 1:
        carries = _sums(sums[:-1, -1], weight**_BLOCK)
        sums[1:] += np.outer(carries, powers)
    found: Numbers = sums.ravel()[: len(values)]
    return found


@lru_cache(maxsize=64)
def _weights(weight: float) -> tuple[Numbers, Numbers]:
    """The matrix of one block, its columns being the results; and the weights of what comes before the block."""
    powers = weight ** np.arange(_BLOCK + 1.0)
    powers[powers < np.finfo(np.float64).tiny] = 0.0  # denormal numbers are slow, and nothing beside the others
    ages = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    matrix = np.where(ages >= 0, powers[np.maximum(ages, 0)], 0.0)
    return np.ascontiguousarray(matrix.T), powers[1:]
