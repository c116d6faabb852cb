"""A metric of groups of seeds: means with their confidence intervals, drawn and in words."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import streamlit as st

from app.components.chart_text import chart_text
from app.components.markdown_escape import escape
from app.palette import palette
from backend.domain.comparison import Comparison, MetricComparison, group_names
from backend.domain.comparison_text import group_words, number, paired_words, step_words
from backend.domain.seed_groups import GroupResult

ROW_PIXELS, AXES_PIXELS, TABLE_PIXELS = 46, 70, 420
MAX_GROUPS = 12


def seed_intervals(found: Comparison, metric: MetricComparison, colors: Sequence[int]) -> None:
    """Where the groups stand, and whether that is more than noise; `colors` are the runs'."""
    st.caption(escape(step_words(metric)))
    if metric.shared.step is None or not metric.groups:
        return
    names = group_names([one.group for one in metric.groups], found.labels)
    if len(metric.groups) > MAX_GROUPS:
        _table(metric, names)
    else:
        if any(one.summary and one.summary.n > 1 for one in metric.groups):  # single runs on a scale would look ranked
            _chart(metric, names, colors)
        _words(metric, names)
    _remarks(metric)


def _table(metric: MetricComparison, names: Sequence[str]) -> None:
    """For more groups than a person reads one by one."""
    summaries = [one.summary for one in metric.groups]
    st.dataframe(
        pa.table(
            {
                "group": list(names),
                "seeds": [one.group.num_seeds for one in metric.groups],
                "mean": pa.array([one.mean if one else None for one in summaries], pa.float64()),
                "low": pa.array([one.low if one else None for one in summaries], pa.float64()),
                "high": pa.array([one.high if one else None for one in summaries], pa.float64()),
                "verdict": [verdict or "the one compared with" for verdict in metric.verdicts],
            }
        ),
        hide_index=True,
        height=TABLE_PIXELS,
        column_config={
            "group": st.column_config.TextColumn("Group", pinned=True, width="medium"),
            "seeds": st.column_config.NumberColumn("Seeds", width="small"),
            "mean": st.column_config.NumberColumn("Mean", format="%.5g"),
            "low": st.column_config.NumberColumn("95 % from", format="%.5g"),
            "high": st.column_config.NumberColumn("to", format="%.5g"),
            "verdict": st.column_config.TextColumn(f"Beside {names[metric.beside]}", width="large"),
        },
        alt=f"{metric.tag}: {len(names)} groups of seeds, each compared with {names[metric.beside]}",
    )


def _words(metric: MetricComparison, names: Sequence[str]) -> None:
    rows = zip(names, metric.groups, metric.verdicts, metric.paired, strict=True)
    for name, one, verdict, paired in rows:
        told = f"  \nbeside {escape(names[metric.beside])}: **{escape(verdict)}**" if verdict else ""
        told += f"  \ndifference {escape(words)}" if (words := paired_words(paired)) else ""
        st.markdown(f"**{escape(name)}**: {escape(group_words(one))}{told}")


def _remarks(metric: MetricComparison) -> None:
    if len(metric.groups) > 2:  # noqa: PLR2004 - more than a pair
        st.caption(
            f":material/info: Among {len(metric.groups) - 1} comparisons one may come out by chance; the more there "
            "are, the likelier."
        )
    for caveat in metric.caveats:
        st.caption(f":material/info: Keep in mind: {escape(caveat)}.")


def _chart(metric: MetricComparison, names: Sequence[str], colors: Sequence[int]) -> None:
    ink = chart_text()
    series: list[dict[str, Any]] = []
    for place, one in enumerate(metric.groups):
        color = palette()[colors[one.group.members[0]] % len(palette())]
        series += _of_group(place, one, metric, color)
    option = {
        "animation": False,
        "grid": {"left": 8, "right": 24, "top": 8, "bottom": 40, "containLabel": True},
        "tooltip": {"trigger": "item"},
        "xAxis": {
            "type": "value",
            "scale": True,
            "name": metric.tag,
            "nameLocation": "middle",
            "nameGap": 26,
            "nameTextStyle": ink,
            "axisLabel": ink,
        },
        "yAxis": {
            "type": "category",
            "inverse": True,
            "data": list(names),
            "axisLabel": ink | {"width": 260, "overflow": "truncate"},
            "axisTick": {"show": False},
        },
        "series": series,
    }
    words = "; ".join(f"{name}: {group_words(one)}" for name, one in zip(names, metric.groups, strict=True))
    height = AXES_PIXELS + ROW_PIXELS * len(names)
    st.echarts_chart(option, key="compare-intervals", height=height, alt=f"{metric.tag}, {words}")
    st.caption("Small dots: runs. Large dot: the mean. Bar: its 95 % confidence interval (Student's t).")


def _of_group(place: int, one: GroupResult, metric: MetricComparison, color: str) -> list[dict[str, Any]]:
    points = [metric.shared.points[member] for member in one.group.members]
    dots = {
        "type": "scatter",
        "name": "run",
        "symbolSize": 7,
        "itemStyle": {"color": color, "opacity": 0.55},
        "data": [[point.value, place] for point in points if point is not None and point.is_finite],
    }
    drawn: list[dict[str, Any]] = [dots]
    if one.summary is not None and one.summary.n > 1:
        drawn.append(
            {
                "type": "scatter",
                "name": f"mean {number(one.summary.mean)}",
                "symbolSize": 13,
                "itemStyle": {"color": color},
                "data": [[one.summary.mean, place]],
            }
        )
        if one.summary.low is not None and one.summary.high is not None:
            drawn.append(
                {
                    "type": "line",
                    "name": "95 % confidence interval",
                    "symbol": "rect",
                    "symbolSize": [2, 14],
                    "lineStyle": {"color": color, "width": 3},
                    "itemStyle": {"color": color},
                    "data": [[one.summary.low, place], [one.summary.high, place]],
                }
            )
    return drawn
