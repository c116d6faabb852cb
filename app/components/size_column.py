"""A column of sizes in tables: numbers, so that they sort and align, all in one unit that the heading need not name."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import streamlit as st

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
STEP = 1024


@dataclass(frozen=True, slots=True)
class SizeColumn:
    """The numbers in the unit of `config`."""

    numbers: pa.Array
    config: object


def size_column(title: str, sizes: Sequence[int | None], help_text: str | None = None) -> SizeColumn:
    """In the unit of the largest; None stays empty."""
    largest = max((size for size in sizes if size is not None), default=0)
    power = next((power for power in reversed(range(len(UNITS))) if largest >= STEP**power), 0)
    form = f"%d {UNITS[0]}" if power == 0 else f"%.2f {UNITS[power]}"
    numbers = pa.array([None if size is None else size / STEP**power for size in sizes], pa.float64())
    return SizeColumn(numbers, st.column_config.NumberColumn(title, format=form, width=90, help=help_text))
