"""The buttons of a run that every page has: pause, resume, stop, and a menu with the rarer ones."""

from collections.abc import Callable

import streamlit as st

from app.acts import Acts, OnRun
from app.components.branch_dialogs import extend_dialog, fork_dialog, start_over_dialog, stop_now_dialog
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish


def can_pause(view: RunView) -> bool:
    """Whether it goes on or waits, and nobody asked for anything else."""
    return view.run.is_active and view.wish is Wish.RUN


def can_stop(view: RunView) -> bool:
    """Whether it is not over, and nobody asked for its end."""
    return not view.run.is_over and not view.wish.is_stop


def pause_button(view: RunView, act: OnRun, key: str) -> None:
    """Frees memory and device."""
    words = "Writes a checkpoint and frees memory and device; resuming goes on exactly there."
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
    """What is wanted less often; whatever cannot be taken back is asked about first."""
    with st.popover("More", icon=":material/more_horiz:", key=f"{prefix}-more"):
        _item(
            "Pause, keep the device",
            ":material/pause_circle:",
            f"{prefix}-pause-keep",
            lambda: acts.pause_and_keep(view.id),
            is_possible=can_pause(view),
            words="Frees the memory, but no other run may have its device meanwhile.",
        )
        _item(
            "Stop now",
            ":material/bolt:",
            f"{prefix}-stop-now",
            lambda: stop_now_dialog(view, acts.stop_now),
            is_possible=view.run.is_active and view.wish is not Wish.STOP_NOW,
            words="Ends it at once, without a new checkpoint.",
        )
        _item(
            "Extend",
            ":material/add_circle:",
            f"{prefix}-extend",
            lambda: extend_dialog(view, acts.extend),
            is_possible=view.state is RunState.FINISHED and view.wish is not Wish.RUN,
            words="More steps for a finished run.",
        )
        _item(
            "Fork",
            ":material/call_split:",
            f"{prefix}-fork",
            lambda: fork_dialog(view, acts.steps(view.id), acts.fork),
            is_possible=view.last_checkpoint_step is not None,
            words="A new run from one of its checkpoints, with changed settings.",
        )
        _item(
            "Start over",
            ":material/restart_alt:",
            f"{prefix}-start-over",
            lambda: start_over_dialog(view, acts.start_over),
            is_possible=True,
            words="A new run with the same order, from step 0.",
        )


def _button(label: str, icon: str, key: str, view: RunView, act: OnRun, *, is_possible: bool, words: str) -> None:
    st.button(label, icon=icon, key=key, disabled=not is_possible, help=words, on_click=act, args=(view.id,))


def _item(label: str, icon: str, key: str, do: Callable[[], None], *, is_possible: bool, words: str) -> None:
    if st.button(label, icon=icon, key=key, disabled=not is_possible, help=words, width="stretch"):
        do()
