"""The twelve colours of lines can be told apart, also without red or green sight, and stand out from the page."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from app.palette import DARK, LIGHT
from backend.domain.board import NUM_COLORS

PAGES = {"#ffffff": LIGHT, "#0f141f": DARK}  # the backgrounds in .streamlit/config.toml
LEAST_DIFFERENCE = 14  # CIE76; a just noticeable difference is about 2.3
LEAST_CONTRAST = 3.0  # WCAG 2.2, 1.4.11
# How linear RGB looks without sight of red and of green (Machado, Oliveira and Fernandes 2009, severity 1).
SIGHTS = {
    "full": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
Triple = npt.NDArray[np.float64]


def linear(color: str) -> Triple:
    parts = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(light: Triple) -> Triple:
    ratios = (TO_XYZ @ light) / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratios > 0.008856, np.cbrt(ratios), 7.787 * ratios + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted(float(TO_XYZ[1] @ linear(color)) for color in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colors", PAGES.values())
@pytest.mark.parametrize("sight", SIGHTS)
def test_any_two_colours_differ(colors: tuple[str, ...], sight: str) -> None:
    seen = {color: lab(np.clip(SIGHTS[sight] @ linear(color), 0, 1)) for color in colors}
    assert len(seen) == NUM_COLORS
    nearest = min((float(np.linalg.norm(seen[a] - seen[b])), a, b) for a, b in combinations(seen, 2))
    assert nearest[0] >= LEAST_DIFFERENCE, nearest


@pytest.mark.parametrize(("page", "colors"), PAGES.items())
def test_every_colour_stands_out_from_the_page(page: str, colors: tuple[str, ...]) -> None:
    assert min(contrast(color, page) for color in colors) >= LEAST_CONTRAST
