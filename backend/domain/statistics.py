"""Honest figures over a few repetitions: mean, spread, a confidence interval, and what cannot be told apart."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

FEWEST = 2  # below, nothing is known of the spread
_HALVINGS = 200


@dataclass(frozen=True, slots=True)
class Summary:
    """`n` finite values. `deviation` is the sample's (n - 1); None where n is 1.

    `error` is the standard error of the mean; `low` and `high` are the 95 % confidence interval of the mean
    by Student's t, which assumes that the values are independent and nearly normal.
    """

    n: int
    mean: float
    deviation: float | None = None
    error: float | None = None
    low: float | None = None
    high: float | None = None


def summarise(values: Sequence[float]) -> Summary | None:
    """The figures over the finite values; None if there is none."""
    finite = [float(value) for value in values if math.isfinite(value)]
    n = len(finite)
    if not n:
        return None
    mean = math.fsum(value / n for value in finite)  # a sum first could overflow
    if n < FEWEST:
        return Summary(n, mean)
    scale = max(abs(value - mean) for value in finite)
    squares = math.fsum(((value - mean) / scale) ** 2 for value in finite) if scale > 0 else 0.0
    deviation = scale * math.sqrt(squares / (n - 1))
    error = deviation / math.sqrt(n)
    reach = error * student_t(n - 1)
    return Summary(n, mean, deviation, error, mean - reach, mean + reach)


def are_apart(one: Summary, other: Summary) -> bool:
    """Whether the confidence intervals of two means do not touch: a cautious sign that the means differ.

    Intervals that overlap say nothing; with a single value on either side nothing can be said at all.
    """
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low


@lru_cache(maxsize=1024)
def student_t(degrees: int, confidence: float = 0.95) -> float:
    """How many standard errors a two-sided interval reaches to each side; `degrees` of freedom, at least 1.

    The inverse, by halving, of the distribution function in its closed form for whole degrees of freedom
    (Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4). Raises ValueError.
    """
    if degrees < 1 or not 0 < confidence < 1:
        raise ValueError(f"no t for {degrees} degrees of freedom and a confidence of {confidence}")
    low, high = 0.0, math.pi / 2  # of theta = atan(t / sqrt(degrees))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _within(middle, degrees) < confidence:
            low = middle
        else:
            high = middle
    return math.tan((low + high) / 2) * math.sqrt(degrees)


def _within(theta: float, degrees: int) -> float:
    """The probability that |t| is at most tan(theta) * sqrt(degrees)."""
    cosine, is_odd = math.cos(theta), degrees % 2 == 1
    term = cosine if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(3 if is_odd else 2, degrees - 1, 2):
        term *= cosine * cosine * (k - 1) / k
        total += term
    if is_odd:
        return 2 / math.pi * (theta + math.sin(theta) * total)
    return math.sin(theta) * total
