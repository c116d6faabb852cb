"""A small line without axes beside a figure: a picture with a text for who cannot see it."""

import math
from collections.abc import Sequence
from itertools import groupby

import streamlit as st

from app.palette import palette

WIDTH, HEIGHT, MARGIN = 120, 20, 2
ENLARGED = 8  # larger than any place for it: a picture is made smaller to fit, and never larger


def sparkline(values: Sequence[float], alt: str, color: int = 0) -> None:
    """Draw it as wide as its place; what is not finite is a gap. Nothing is drawn of fewer than two values.

    A picture and not st.metric's own line: that one has no text, and screen readers are told of a nameless graphic.
    """
    if len(values) > 1:
        st.image(picture(values, palette()[color % len(palette())]), width="stretch", alt=alt)


def picture(values: Sequence[float], color: str) -> str:
    """The line as SVG."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{ENLARGED * WIDTH}" height="{ENLARGED * HEIGHT}">'
        f'<path d="{_path(values)}" fill="none" stroke="{color}" stroke-width="1" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>'
    )


def _path(values: Sequence[float]) -> str:
    """Each stretch of finite values is a line of its own; one alone is a dot."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    across, tall = (WIDTH - 2 * MARGIN) / max(1, len(values) - 1), HEIGHT - 2 * MARGIN
    span = high / 2 - low / 2  # halves: no overflow

    def point(index: int) -> str:
        share = (values[index] / 2 - low / 2) / span if span > 0 else 0.5
        return f"{MARGIN + index * across:.1f} {MARGIN + (1 - share) * tall:.1f}"

    parts = []
    for is_finite, group in groupby(range(len(values)), key=lambda index: math.isfinite(values[index])):
        if is_finite:
            points = [point(index) for index in group]
            parts.append(f"M{points[0]}" + ("".join(f"L{one}" for one in points[1:]) or "h0.1"))
    return "".join(parts)
