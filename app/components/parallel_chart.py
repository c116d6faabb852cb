"""Parallel coordinates: each run a line through its settings to its results; a drag on an axis picks runs out."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.components.chart_text import chart_text
from app.palette import palette
from backend.domain.hparams import Cell, Column

MAX_AXES = 12
HEIGHT_PIXELS = 380
CROWD, FAINTEST = 20, 0.2  # more runs than this are drawn fainter
LABEL_CHARACTERS = 22


def parallel_chart(columns: Sequence[Column], labels: Sequence[str], colors: Sequence[int]) -> None:
    """Draw what varies; says why nothing is drawn, and what is left out."""
    varied = [column for column in columns if len({cell for cell in column.cells if cell is not None}) > 1]
    if len(varied) < 2:  # noqa: PLR2004 - a line needs two ends
        st.caption("Parallel coordinates need at least two columns that differ among these runs.")
        return
    shown = _most(varied)
    st.echarts_chart(
        _option(shown, labels, colors),
        key="compare-parallel",
        height=HEIGHT_PIXELS,
        alt=f"{len(labels)} runs as lines over {', '.join(column.name for column in shown)}; the table has the same.",
    )
    left = f" {len(varied) - len(shown)} more columns are in the table." if len(varied) > len(shown) else ""
    st.caption(f"Drag along an axis to pick runs out, click it to let them go; several axes together narrow it.{left}")


def _most(varied: Sequence[Column]) -> list[Column]:
    """Metrics always, at the right, then as many settings as there is room for."""
    metrics = [column for column in varied if column.is_metric][:MAX_AXES]
    settings = [column for column in varied if not column.is_metric]
    return [*settings[: MAX_AXES - len(metrics)], *metrics]


def _option(columns: Sequence[Column], labels: Sequence[str], colors: Sequence[int]) -> dict[str, Any]:
    text = chart_text()
    opacity = max(FAINTEST, min(0.75, CROWD / len(labels)))
    rows = [[_value(column.cells[place]) for column in columns] for place in range(len(labels))]
    return {
        "animation": False,
        "tooltip": {"trigger": "item"},
        "parallel": {"left": 60, "right": 90, "top": 56, "bottom": 28},
        "parallelAxis": [_axis(place, column, text) for place, column in enumerate(columns)],
        "series": [
            {
                "type": "parallel",
                "name": label,
                "data": [row],
                "lineStyle": {"width": 2, "opacity": opacity, "color": palette()[color % len(palette())]},
                "inactiveOpacity": 0.06,
                "activeOpacity": 1,
            }
            for label, row, color in zip(labels, rows, colors, strict=True)
        ],
    }


def _axis(place: int, column: Column, text: dict[str, Any]) -> dict[str, Any]:
    axis: dict[str, Any] = {
        "dim": place,
        "name": _short(column.name),
        "nameTextStyle": text,
        "axisLabel": text | {"hideOverlap": True},
        "nameLocation": "end",
        "areaSelectStyle": {"width": 18, "opacity": 0.25},
    }
    if column.is_number:
        is_whole = all(cell is None or float(cell).is_integer() for cell in column.cells)
        return axis | {"type": "log" if column.is_log else "value", "scale": True, "minInterval": int(is_whole)}
    known = list(dict.fromkeys(str(cell) for cell in column.cells if cell is not None))
    return axis | {"type": "category", "data": known}


def _value(cell: Cell) -> Cell:
    """A missing one is written "-", which ECharts leaves out."""
    return "-" if cell is None else cell


def _short(name: str) -> str:
    """The last word of a key, or the one before where it says nothing alone; a tag as it is."""
    last = name if "/" in name else name.removesuffix(".name").removesuffix(".path").rpartition(".")[2]
    return last if len(last) <= LABEL_CHARACTERS else f"…{last[-LABEL_CHARACTERS:]}"
