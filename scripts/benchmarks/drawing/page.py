"""One chart of ten curves by ?engine=, drawn at a click, and drawn again with more points at the next clicks."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import streamlit as st

from app.components.board import board
from app.runtime import get_services
from backend.domain.board import Board, Chart, Line
from backend.domain.curves import Series
from backend.domain.viewport import extremes

TAG = "train/loss"


def main() -> None:
    """Buttons first, so that they stand still."""
    st.set_page_config(layout="wide")
    drawn = st.session_state.setdefault("drawn", 0)
    if st.button("Draw"):
        st.session_state["drawn"] = drawn = drawn + 1
    if drawn:
        ENGINES[st.query_params["engine"]](*_runs())


def _runs() -> tuple[list[str], list[str]]:
    """Sources and labels."""
    key = get_services().sources.add_directory(os.environ["STUDIO_BENCH_LOGS"])
    names = [f"run-{i:02d}" for i in range(int(os.environ["STUDIO_BENCH_RUNS"]))]
    return [f"dir:{key}/{name}" for name in names], names


def _series(sources: list[str]) -> list[Series]:
    return [get_services().sources.curves(source).series[TAG] for source in sources]


def _thinned(series: Series, num_points: int) -> Series:
    kept = np.unique(extremes(series.steps.astype(np.float64), series.values, num_points))
    return Series(series.tag, series.steps[kept], series.values[kept], series.wall_times[kept])


def _nothing(sources: list[str], names: list[str]) -> None:
    st.text(f"{len(sources)} {len(names)} {st.session_state['drawn']}")


def _board(sources: list[str], names: list[str]) -> None:
    lines = tuple(Line((source,), TAG, name, i) for i, (source, name) in enumerate(zip(sources, names, strict=True)))
    board(Board((Chart("loss", "Loss", lines),)), "board")


def _echarts(sources: list[str], names: list[str], num_points: int | None = None) -> None:
    drawn = [_thinned(series, num_points) if num_points else series for series in _series(sources)]
    tables = [
        pa.table({"step": pa.array(one.steps), "value": pa.array(one.values.astype(np.float32))}) for one in drawn
    ]
    option = {
        "animation": False,
        "tooltip": {"trigger": "axis"},
        "dataZoom": [{"type": "slider"}, {"type": "inside"}],
        "xAxis": {"type": "value"},
        "yAxis": {"type": "value", "scale": True},
        "dataset": [{"source": table} for table in tables],
        "series": [
            {
                "type": "line",
                "name": name,
                "datasetIndex": i,
                "encode": {"x": "step", "y": "value"},
                "showSymbol": False,
            }
            for i, name in enumerate(names)
        ],
    }
    st.echarts_chart(option, key="echarts", height=320)


def _frame(sources: list[str], names: list[str]) -> pd.DataFrame:
    frames = [pd.DataFrame({"step": one.steps, "value": one.values.astype(np.float32)}) for one in _series(sources)]
    return pd.concat(frames, keys=names, names=["run", None]).reset_index("run")


def _line(sources: list[str], names: list[str]) -> None:
    st.line_chart(_frame(sources, names), x="step", y="value", color="run", height=320)


def _altair(sources: list[str], names: list[str]) -> None:
    import altair as alt  # noqa: PLC0415 - only where it is measured

    chart = alt.Chart(_frame(sources, names)).mark_line().encode(x="step:Q", y="value:Q", color="run:N")
    st.altair_chart(chart.interactive(bind_y=False), height=320)


def _plotly(sources: list[str], names: list[str]) -> None:
    import plotly.graph_objects as go  # noqa: PLC0415 - only where it is measured and installed

    lines = [
        go.Scatter(x=one.steps, y=one.values, name=name) for one, name in zip(_series(sources), names, strict=True)
    ]
    st.plotly_chart(go.Figure(lines), key="plotly", height=320)


ENGINES = {
    "nothing": _nothing,
    "board": _board,
    "echarts-1000": lambda sources, names: _echarts(sources, names, 1_000),
    "echarts": _echarts,
    "plotly": _plotly,
    "altair": _altair,
    "line": _line,
}
main()
