"""Curves in which every field says something, and what differs between two of them."""

from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np

from backend.domain.curves import Curves, Damage, Kind, Other, Place, Series


def a_series(tag: str, steps: list[int], values: list[float]) -> Series:
    """Wall times follow the steps."""
    return Series(tag, np.array(steps, np.int64), np.array(values, np.float64), 1000.0 + np.array(steps, np.float64))


def everything() -> Curves:
    """All fields filled, with values that are easily lost."""
    series = {
        "train/loss": a_series("train/loss", [-(2**63), 0, 2**63 - 1], [float("nan"), float("-inf"), -0.0]),
        "": a_series("", [], []),
        "ä \ud800 'x'": a_series("ä \ud800 'x'", [7], [5e-324]),
    }
    ghosts = {"train/loss": (a_series("train/loss", [3, 4], [0.5, 0.25]), a_series("train/loss", [9], [1.0]))}
    places = (Place("a/events.1", 24, 2**40, -1, 0.5), Place("b", 2**62, 0, 2**63 - 1, float("inf")))
    others = {
        "samples/0": Other("samples/0", Kind.TEXT, places),
        "image": Other("image", Kind.IMAGE, ()),
        "hist": Other("hist", Kind.HISTOGRAM, places[:1]),
    }
    return Curves(
        version=3,
        series=MappingProxyType(series),
        damage=(Damage("a/events.1", 0, 2**40), Damage("b", 5, 5)),
        num_ignored_points=17,
        ghosts=MappingProxyType(ghosts),
        restarts=(5, -3, 2**62),
        others=MappingProxyType(others),
        num_repeats=MappingProxyType({"train/loss": 2}),
    )


def differences(one: Curves, other: Curves) -> list[str]:
    """The fields, but for the version, that are not equal to the bit; order counts."""
    names = [field.name for field in fields(Curves) if field.name != "version"]
    return [name for name in names if _plain(getattr(one, name)) != _plain(getattr(other, name))]


def _plain(value: Any) -> Any:
    if isinstance(value, Series):
        arrays = (value.steps, value.values, value.wall_times)
        return value.tag, [(str(array.dtype), array.tobytes()) for array in arrays]
    if isinstance(value, dict | MappingProxyType):
        return [(key, _plain(item)) for key, item in value.items()]
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
