"""A CurveSource whose series grow when a test says so."""

from pathlib import Path
from types import MappingProxyType

import numpy as np

from backend.domain.curves import Curves, Series, freeze


class ScriptedCurveSource:
    """Points come from `add`; `reads` counts the looks."""

    def __init__(self, folder: Path, num_bytes: int = 0) -> None:
        self.folder = folder
        self.num_bytes = num_bytes
        self.reads = 0
        self._points: dict[str, list[tuple[int, float]]] = {}
        self._curves = Curves(1, MappingProxyType({}), ())

    def add(self, tag: str, step: int, value: float) -> None:
        """Append a point behind the others of its tag."""
        self._points.setdefault(tag, []).append((step, value))
        series = {name: _series(name, points) for name, points in self._points.items()}
        self._curves = Curves(self._curves.version + 1, MappingProxyType(series), ())

    def read(self) -> Curves:
        """Everything added by now."""
        self.reads += 1
        return self._curves


def _series(tag: str, points: list[tuple[int, float]]) -> Series:
    steps = np.array([step for step, _ in points], np.int64)
    arrays = steps, np.array([value for _, value in points], np.float64), 1000.0 + steps
    freeze(arrays)
    return Series(tag, *arrays)
