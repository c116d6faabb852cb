"""The buttons of a run that every page has: pause, resume, stop, and a menu with the rarer ones."""

import streamlit as st

from app.acts import Acts, OnRun
from app.components.branch_dialogs import extend_dialog, fork_dialog, start_over_dialog, stop_now_dialog
from app.components.markdown_escape import escape
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish


def can_pause(view: RunView) -> bool:
    """Whether it goes on or waits, and nobody asked for anything else."""
    return view.run.is_active and view.wish is Wish.RUN


def can_stop(view: RunView) -> bool:
    """Whether it is not over, and nobody asked for its end."""
    return not view.run.is_over and not view.wish.is_stop


def pause_button(view: RunView, act: OnRun, key: str) -> None:
    """Frees memory and its place on a device."""
    words = "Writes a checkpoint and frees memory and its place on a device; resuming goes on exactly there."
    _button("Pause", ":material/pause:", key, view, act, is_possible=can_pause(view), words=words)


def resume_button(view: RunView, act: OnRun, key: str) -> None:
    """Also takes back a pause or a stop that is under way."""
    words = "Goes on from the last checkpoint, or from the start if there is none."
    _button("Resume", ":material/play_arrow:", key, view, act, is_possible=view.run.can_resume, words=words)


def stop_button(view: RunView, act: OnRun, key: str) -> None:
    """With a checkpoint."""
    words = "Writes a checkpoint and ends; the run can be resumed later."
    _button("Stop", ":material/stop:", key, view, act, is_possible=can_stop(view), words=words)


def more_menu(view: RunView, acts: Acts, prefix: str) -> None:
    """What is wanted less often, as far as it is possible now; what cannot be taken back is asked about first."""
    chosen = st.menu_button(
        "More",
        menu_of(view),
        icon=":material/more_horiz:",
        key=f"{prefix}-more",
        format_func=lambda label: f"{_ICONS[label]} {label}",
    )
    match chosen:
        case "Pause, keep the place":
            acts.pause_and_keep(view.id)
            st.rerun()
        case "Stop now":
            stop_now_dialog(view, acts.stop_now)
        case "Extend":
            extend_dialog(view, acts.extend)
        case "Fork":
            fork_dialog(view, acts.steps(view.id), acts.fork)
        case "Start over":
            start_over_dialog(view, acts.start_over)


def menu_of(view: RunView) -> list[str]:
    """The labels of what is possible."""
    is_at_work = view.run.is_active and view.state not in (RunState.CREATED, RunState.QUEUED)
    is_possible = {
        "Pause, keep the place": is_at_work and can_pause(view),
        "Stop now": is_at_work and view.wish is not Wish.STOP_NOW,
        "Extend": view.state is RunState.FINISHED and view.wish is not Wish.RUN,
        "Fork": view.last_checkpoint_step is not None,
        "Start over": True,
    }
    return [label for label in _ICONS if is_possible[label]]


def _button(label: str, icon: str, key: str, view: RunView, act: OnRun, *, is_possible: bool, words: str) -> None:
    told = f"{label} {escape(view.name)}. {words}"  # one of many buttons that are called alike
    st.button(label, icon=icon, key=key, disabled=not is_possible, help=told, on_click=act, args=(view.id,))


_ICONS = {
    "Pause, keep the place": ":material/pause_circle:",
    "Stop now": ":material/bolt:",
    "Extend": ":material/add_circle:",
    "Fork": ":material/call_split:",
    "Start over": ":material/restart_alt:",
}
