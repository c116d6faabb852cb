"""A board of the runs below ?logs=, looked at as the other parameters say; counts how often the script ran."""

import streamlit as st

from app.components.board import board
from app.runtime import get_services
from backend.domain.board import Board, Chart, Line, Look, Mark, XAxis

st.set_page_config(layout="wide")
asked = st.query_params
key = get_services().sources.add_directory(asked["logs"])
names = (
    sorted(run.name for run in get_services().sources.runs(key)) if "names" not in asked else asked["names"].split(",")
)
sources = [f"dir:{key}/{name}" for name in names]
look = Look(
    smoothing=float(asked.get("smoothing", 0)),
    x=XAxis(asked.get("x", "step")),
    is_log_y="log" in asked,
    ignores_outliers="outliers" in asked,
)
lines = [Line((source,), "train/loss", name, i) for i, (source, name) in enumerate(zip(sources, names, strict=True))]
marks = (Mark(sources[0], 0, "attempt", "Attempt 1"), Mark(sources[0], 10, "checkpoint", "Checkpoint 10"))
charts = (
    Chart("loss", "Loss", tuple(lines), marks),
    Chart("again", "Loss again", tuple(lines)),
    *(Chart(f"more-{i}", f"More {i}", (lines[0],), group="Far below") for i in range(int(asked.get("more", 0)))),
)
board(Board(charts, look), "board", on_pin=lambda chart: st.session_state.update(pinned=chart))
st.session_state["runs"] = st.session_state.get("runs", 0) + 1
st.text(f"The script ran {st.session_state['runs']} times; pinned: {st.session_state.get('pinned')}")
