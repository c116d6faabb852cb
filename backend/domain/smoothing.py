"""TensorBoard's smoothing of a curve."""

import numpy as np

from backend.domain.curves import Numbers

_BLOCK = 128


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
        counts = np.arange(1, len(finite) + 1)
        smoothed[is_finite] = _averages(finite, weight) / (1 - weight**counts)
    return smoothed


def _averages(values: Numbers, weight: float) -> Numbers:
    """s_1 ... s_n of the formula: within blocks by a matrix, across blocks by one carry."""
    powers = weight ** np.arange(_BLOCK + 1.0)
    ages = np.subtract.outer(np.arange(_BLOCK), np.arange(_BLOCK))
    weights = np.where(ages >= 0, (1 - weight) * powers[np.maximum(ages, 0)], 0.0)
    blocks = np.zeros(-(-len(values) // _BLOCK) * _BLOCK)
    blocks[: len(values)] = values
    own = blocks.reshape(-1, _BLOCK) @ weights.T
    carries = np.zeros(len(own))
    for block in range(1, len(own)):
        carries[block] = own[block - 1, -1] + powers[_BLOCK] * carries[block - 1]
    averages: Numbers = (own + np.outer(carries, powers[1:])).ravel()[: len(values)]
    return averages
