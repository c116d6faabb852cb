"""How wide a 95 % confidence interval of a mean is when only a few values are known."""

import numpy as np

from backend.domain.curves import Numbers, Steps

# Two-sided 95 % quantiles of Student's t for 1 to 12 degrees of freedom (any table of the distribution).
_FEW = np.array([12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010, 2.1788])
_NORMAL = 1.959963984540054  # the same quantile of the normal distribution


def quantile_95(degrees: Steps) -> Numbers:
    """The t for which 95 % of Student's distribution lies between -t and t; shape (n,) in and out, NaN below 1.

    Above twelve degrees of freedom by the Cornish-Fisher expansion (Abramowitz and Stegun 26.7.5), which is
    right to four digits there.
    """
    many = np.maximum(degrees, len(_FEW)).astype(np.float64)
    z = _NORMAL
    expanded = z + (z**3 + z) / (4 * many) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * many**2)
    expanded += (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * many**3)
    exact = _FEW[np.clip(degrees, 1, len(_FEW)) - 1]
    return np.where(degrees < 1, np.nan, np.where(degrees <= len(_FEW), exact, expanded))
