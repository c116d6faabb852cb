"""Runs as cards: one that is active, paused or failed, and a short table of those that ended."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.acts import Acts
from app.components.markdown_escape import escape
from app.components.run_buttons import pause_button, resume_button, stop_button
from app.components.run_figures import LINE_POINTS, loss_alt
from app.components.run_live import progress_bar
from app.components.sparkline import sparkline
from app.components.state_badge import state_badge
from app.components.time_words import left_shortly
from app.links import open_view
from app.notices import attempt
from backend.domain.remedies import Remedy
from backend.domain.run_report import LOSS, RunReport
from backend.domain.run_view import RunView
from backend.domain.trends import thinned

Act = Callable[[str], object]
LINE_PIXELS = 280


def active_card(report: RunReport, acts: Acts) -> None:
    """Progress with the time left, the sentence, the loss as a small line, and the ways to watch, pause and stop it."""
    view, loss = report.view, report.curves.series.get(LOSS)
    with st.container(border=True):
        _title(view)
        progress_bar(view, left_shortly(report.time_left) if report.time_left else "")
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(gap="xsmall"):
                st.text(view.run.message)
                if report.told:
                    st.text(report.told)
                if report.warnings:
                    warned = report.warnings[0]
                    st.caption(f":material/warning: {escape(warned.sentence)}")
            if loss is not None and len(loss):
                with st.container(width=LINE_PIXELS):
                    sparkline(thinned(loss, LINE_POINTS), loss_alt(loss))
        with st.container(horizontal=True):
            _monitor_button(view)
            pause_button(view, acts.pause, f"pause-{view.id}")
            stop_button(view, acts.stop, f"stop-{view.id}")


def paused_card(view: RunView, acts: Acts, offer: Remedy | None, fix: Act) -> None:
    """How far it came, and the ways to let it go on, perhaps changed, or to end it."""
    with st.container(border=True):
        _title(view)
        progress_bar(view)
        st.text(view.run.message)
        if offer is not None:
            fix_button(view.id, offer, fix)
        with st.container(horizontal=True):
            _monitor_button(view)
            resume_button(view, acts.resume, f"resume-{view.id}")
            stop_button(view, acts.stop, f"stop-{view.id}")


def failed_card(view: RunView, resume: Act, offer: Remedy | None, fix: Act) -> None:
    """What went wrong and what to do, in the words of the diagnosis; with one click if a change may help."""
    with st.container(border=True):
        _title(view)
        st.text(view.run.message)
        where = f"It reached step {view.step:,}" + (f" of {view.total_steps:,}." if view.total_steps else ".")
        reference = f" [{view.run.error_id}]" if view.run.error_id else ""
        st.caption(escape(where + reference))
        if offer is not None:
            fix_button(view.id, offer, fix)
        with st.container(horizontal=True):
            _monitor_button(view)
            st.button(
                "Resume",
                icon=":material/play_arrow:",
                key=f"resume-{view.id}",
                help=f"Resume {escape(view.name)}. Goes on from its last checkpoint, or from the start without one.",
                on_click=attempt,
                args=(resume, view.id),
            )


def stuck_card(view: RunView) -> None:
    """A run that waits for something that will not happen by itself."""
    with st.container(border=True):
        _title(view)
        st.text(view.run.message)
        with st.container(horizontal=True):
            _monitor_button(view)


def fix_button(run_id: str, offer: Remedy, fix: Act) -> None:
    """Takes the offered change and goes on. Outside of a horizontal row, so that its words wrap on a narrow page."""
    st.button(
        escape(f"Change {offer.words} and go on"),
        type="primary",
        icon=":material/healing:",
        key=f"fix-{run_id}",
        help="Changes the run's orders from the next attempt on; run.yaml stays as it was written.",
        on_click=attempt,
        args=(fix, run_id),
    )


def ended_table(views: Sequence[RunView], results: Sequence[str], key: str, on_select: Callable[[], None]) -> None:
    """The newest first, with the best evaluation of each; a selected row calls `on_select`."""
    st.dataframe(
        {
            "Run": [view.name for view in views],
            "State": [view.state.value for view in views],
            "Best evaluation": list(results),
            "Steps": [f"{view.step:,} / {view.total_steps:,}" if view.total_steps else "-" for view in views],
            "Changed": [view.run.updated_at for view in views],
            "Message": [view.run.message for view in views],
        },
        hide_index=True,
        column_config={
            "Best evaluation": st.column_config.TextColumn(help="Of the run's metric, after training began."),
            "Changed": st.column_config.DatetimeColumn(format="distance", width=115),
        },
        alt="Runs that ended lately",
        key=key,
        on_select=on_select,
        selection_mode="single-row",
    )


def _title(view: RunView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape(view.name)}**", width="content")
        state_badge(view.state)
        st.caption(escape(f"{view.run.method} on {view.run.base_model}"), width="content")


def _monitor_button(view: RunView) -> None:
    st.button(
        "Open in Monitor",
        icon=":material/monitoring:",
        key=f"open-{view.id}",
        help=escape(f"Watch {view.name}"),
        on_click=open_view,
        args=("monitor",),
        kwargs={"run": view.id},
    )
