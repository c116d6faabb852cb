"""Curves as the HTTP interface tells them: JSON has no NaN and no infinities, so these become texts."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from backend.domain.curve_glimpses import last_points
from backend.domain.curves import Curves, Numbers, Series


def overview(curves: Curves) -> dict[str, Any]:
    """Each tag with its number of points and its last one, and the bytes that could not be read."""
    ends = last_points(curves).points
    tags = [
        {
            "tag": tag,
            "num_points": len(curves.series[tag]),
            "last": {"step": end.step, "value": _json(end.value), "wall_time": _json(end.wall_time)},
        }
        for tag, end in ends.items()
    ]
    return {"curves": tags, "damage": [asdict(damage) for damage in curves.damage]}


def columns(series: Series) -> dict[str, Any]:
    """All points of one curve as three lists of one length; wall times in seconds since the epoch."""
    return {
        "tag": series.tag,
        "steps": series.steps.tolist(),
        "values": _texts_for_what_json_lacks(series.values),
        "wall_times": _texts_for_what_json_lacks(series.wall_times),
    }


def _texts_for_what_json_lacks(numbers: Numbers) -> list[float | str]:
    listed: list[float | str] = numbers.tolist()
    for index in np.flatnonzero(~np.isfinite(numbers)).tolist():
        listed[index] = _json(float(numbers[index]))
    return listed


def _json(number: float) -> float | str:
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else "Infinity" if number > 0 else "-Infinity"
