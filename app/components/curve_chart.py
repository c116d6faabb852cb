"""One chart of one or more curves over the steps, original behind smoothed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import streamlit as st

from backend.domain.curves import Series
from backend.domain.downsampling import downsample
from backend.domain.smoothing import smooth

MAX_POINTS = 1_000
HEIGHT_PIXELS = 320
INKS = {"light": "#3d4758", "dark": "#c3ccdb"}  # as grayTextColor; what a chart has by itself is too pale (3.7:1)
FEWEST_SMOOTHED = 3


@dataclass(frozen=True, slots=True)
class Look:
    """How a person wants to see curves; `smoothing` is the weight of the moving average, 0 for none."""

    smoothing: float = 0.0
    is_log: bool = False


def curve_chart(title: str, curves: Sequence[Series], look: Look, key: str) -> None:
    """Draw curves that share a unit; says so when only some of the points are drawn."""
    shown = [downsample(series, MAX_POINTS) for series in curves if len(series)]
    if not shown:
        st.caption(f"{title}: nothing written yet.")
        return
    st.echarts_chart(_option(title, shown, look), key=key, height=HEIGHT_PIXELS, alt=_words(title, curves))
    total, drawn = sum(map(len, curves)), sum(map(len, shown))
    if drawn < total:
        st.caption(f"{drawn:,} of {total:,} points drawn; spikes and the last point are kept.")


def last_values(series: Mapping[str, Series], tag: str, num_points: int = 60) -> list[float]:
    """The newest finite values of a tag, for a sparkline."""
    found = series.get(tag)
    return [] if found is None else [v for v in found.values[-num_points:].tolist() if abs(v) < float("inf")]


def _option(title: str, curves: Sequence[Series], look: Look) -> dict[str, Any]:
    color = INKS.get(st.context.theme.type or "")
    ink = {"color": color} if color else {}
    drawn: list[dict[str, Any]] = []
    datasets: list[dict[str, Any]] = []
    for i, series in enumerate(curves):
        datasets.append({"source": _table(series, look)})
        is_ghost = look.smoothing > 0 and len(series) >= FEWEST_SMOOTHED
        if is_ghost:
            drawn.append(_line(series.tag, i, "value", is_ghost=True))
        drawn.append(_line(series.tag, i, "smoothed" if is_ghost else "value"))
    return {
        "animation": False,
        "title": {"text": title, "textStyle": {"fontSize": 14, "fontWeight": 600}},
        "grid": {"left": 8, "right": 16, "top": 40, "bottom": 60, "containLabel": True},
        "legend": {"show": len(curves) > 1, "right": 8, "top": 2, "data": [s.tag for s in curves], "textStyle": ink},
        "tooltip": {"trigger": "axis"},
        "dataZoom": [{"type": "slider", "height": 16, "bottom": 8}, {"type": "inside"}],
        "xAxis": {
            "type": "value",
            "min": "dataMin",
            "max": "dataMax",
            "minInterval": 1,
            "name": "step",
            "nameLocation": "middle",
            "nameGap": 24,
            "nameTextStyle": ink,
            "axisLabel": ink,
        },
        "yAxis": {"type": "log" if look.is_log else "value", "scale": True, "axisLabel": ink},
        "dataset": datasets,
        "series": drawn,
    }


def _line(tag: str, index: int, column: str, *, is_ghost: bool = False) -> dict[str, Any]:
    line: dict[str, Any] = {
        "type": "line",
        "name": tag,
        "datasetIndex": index,
        "encode": {"x": "step", "y": column, "tooltip": [column]},
        "showSymbol": False,
        "connectNulls": False,
        "emphasis": {"disabled": True},
    }
    if is_ghost:
        line |= {"lineStyle": {"width": 1, "opacity": 0.3}, "tooltip": {"show": False}}
    return line


def _table(series: Series, look: Look) -> pa.Table:
    """Columns step, value, smoothed; what is not finite is null, so that the line has a gap there."""
    columns = {"value": series.values, "smoothed": smooth(series.values, look.smoothing)}
    limits = {name: pa.array(column, from_pandas=True) for name, column in columns.items()}
    return pa.table({"step": pa.array(series.steps), **limits})


def _words(title: str, curves: Sequence[Series]) -> str:
    parts = [
        f"{s.tag} from {s.values[0]:.4g} at step {s.steps[0]} to {s.values[-1]:.4g} at step {s.steps[-1]}"
        for s in curves
        if len(s)
    ]
    return f"{title}: " + "; ".join(parts)
