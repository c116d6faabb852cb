"""The toolbar of the Curves view: how its charts are drawn, filtered, grouped and compared."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.curve_address import key_of
from backend.domain.board import Spread, XAxis
from backend.domain.curve_link import MAX_SMOOTHING

AXES = {
    XAxis.STEP: "Step",
    XAxis.RELATIVE: "Time since start",
    XAxis.WALL: "Time of day",
    XAxis.TOKENS: "Tokens",
    XAxis.EPOCH: "Epoch",
}
BANDS = {
    Spread.NONE: "No band",
    Spread.RANGE: "Lowest to highest",
    Spread.DEVIATION: "Standard deviation",
    Spread.CONFIDENCE: "95 % confidence of the mean",
}


def curve_toolbar(
    tags: Sequence[str], group_choices: Sequence[str], labels: Mapping[str, str], problem: str = ""
) -> None:
    """Draw it; what it holds is read by `curve_address.from_widgets`. `labels` are those of the sources shown."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="curves-toolbar"):
        st.text_input(
            "Tags",
            key=key_of("tags"),
            type="search",
            live="300ms",
            placeholder="loss|accuracy",
            help="A regular expression; upper and lower case are alike.",
            width=200,
        )
        smoothing_slider(key_of("smoothing"))
        axis_select(key_of("x"))
        with st.popover("View", icon=":material/tune:", key="curves-view"):
            view_switches({name: key_of(name) for name in ("logx", "logy", "outliers", "ghosts")})
            _pins(tags)
        with st.popover("Compare", icon=":material/compare_arrows:", key="curves-compare"):
            _comparison(group_choices, labels)
    if problem:
        st.caption(f":material/info: {problem}")


def smoothing_slider(key: str) -> None:
    """TensorBoard's smoothing, 0 for none."""
    st.slider(
        "Smoothing",
        0.0,
        MAX_SMOOTHING,
        step=0.001,
        format=":blue[%.3f]",  # the theme's primary colour on its dark background is too faint for small text (4.0:1)
        key=key,
        help="TensorBoard's debiased moving average over all points; the original stays behind it.",
        width=200,
    )


def axis_select(key: str) -> None:
    """What curves are drawn over."""
    st.selectbox("Over", [axis.value for axis in AXES], key=key, format_func=lambda axis: AXES[XAxis(axis)], width=165)


def view_switches(keys: Mapping[str, str]) -> None:
    """Scales, outliers and ghosts; `keys` are those of the widgets."""
    st.toggle("Logarithmic x axis", key=keys["logx"])
    st.toggle("Logarithmic values", key=keys["logy"])
    st.toggle(
        "Scale without outliers",
        key=keys["outliers"],
        help="The scale fits the values between the 5th and the 95th percentile; no point is removed.",
    )
    st.toggle(
        "Show points that a restart made void",
        key=keys["ghosts"],
        help="Points after the checkpoint that a run went on from, pale behind the curve.",
    )


def _pins(tags: Sequence[str]) -> None:
    st.multiselect(
        "Pinned charts",
        tags,
        key=key_of("pins"),
        placeholder="None",
        help="They come first, whatever the headings.",
    )


def _comparison(group_choices: Sequence[str], labels: Mapping[str, str]) -> None:
    st.selectbox(
        "Group runs by",
        ["", *group_choices],
        key=key_of("group"),
        format_func=lambda choice: choice or "Every run for itself",
        help="Runs of a group become one line, their mean, with a band.",
    )
    st.selectbox(
        "Band of a group",
        [spread.value for spread in BANDS],
        key=key_of("spread"),
        format_func=lambda spread: BANDS[Spread(spread)],
    )
    st.selectbox(
        "Difference to",
        ["", *labels],
        key=key_of("baseline"),
        format_func=lambda source: labels.get(source, "No run: values as they are"),
        help="Every curve minus this run's curve at the same step.",
    )
