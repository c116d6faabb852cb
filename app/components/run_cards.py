"""Runs as cards: one that is active, paused or failed, and a short table of those that ended."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.acts import Acts
from app.components.durations import in_words
from app.components.markdown_escape import escape
from app.components.run_buttons import pause_button, resume_button, stop_button
from app.components.state_badge import state_badge
from app.links import open_view
from app.notices import attempt
from backend.domain.heartbeat import Phase
from backend.domain.remedies import Remedy
from backend.domain.run_view import RunView

Act = Callable[[str], object]


def active_card(view: RunView, acts: Acts) -> None:
    """Progress, the sentence, and the ways to watch, pause and stop it."""
    with st.container(border=True):
        _title(view)
        _progress(view)
        st.text(view.run.message)
        with st.container(horizontal=True):
            _monitor_button(view)
            pause_button(view, acts.pause, f"pause-{view.id}")
            stop_button(view, acts.stop, f"stop-{view.id}")


def paused_card(view: RunView, acts: Acts, offer: Remedy | None, fix: Act) -> None:
    """How far it came, and the ways to let it go on, perhaps changed, or to end it."""
    with st.container(border=True):
        _title(view)
        _progress(view)
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
                help="Goes on from the last checkpoint, or from the start if there is none.",
                on_click=attempt,
                args=(resume, view.id),
            )


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


def ended_table(views: Sequence[RunView]) -> None:
    """The newest first, with how far each came."""
    st.dataframe(
        {
            "Run": [view.name for view in views],
            "State": [view.state.value for view in views],
            "Steps": [f"{view.step:,} / {view.total_steps:,}" if view.total_steps else "-" for view in views],
            "Message": [view.run.message for view in views],
            "Changed": [view.run.updated_at for view in views],
        },
        hide_index=True,
        column_config={
            "Message": st.column_config.TextColumn(width="large"),
            "Changed": st.column_config.DatetimeColumn(format="distance"),
        },
        alt="Runs that ended lately",
    )


def _title(view: RunView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape(view.name)}**", width="content")
        state_badge(view.state)
        st.caption(escape(f"{view.run.method} on {view.run.base_model}"), width="content")


def _progress(view: RunView) -> None:
    beat = view.heartbeat
    if beat is not None and view.phase not in (None, Phase.TRAINING) and beat.phase_progress is not None:
        share = min(1.0, max(0.0, beat.phase_progress))
        st.progress(share, text=escape(beat.detail or beat.phase.value.capitalize()))
    elif view.progress is not None:
        left = view.eta_seconds
        words = f"Step {view.step:,} of {view.total_steps:,}"
        st.progress(view.progress, text=words + (f", about {in_words(left)} left (estimate)" if left else ""))


def _monitor_button(view: RunView) -> None:
    st.button(
        "Open in Monitor",
        icon=":material/monitoring:",
        key=f"open-{view.id}",
        on_click=open_view,
        args=("monitor",),
        kwargs={"run": view.id},
    )
