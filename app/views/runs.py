"""Runs: the queue, and all of them, to find, watch, pause, stop, resume, branch, annotate and delete."""

from collections.abc import Sequence

import streamlit as st

from app.acts import acts_of
from app.components.markdown_escape import escape
from app.components.run_buttons import more_menu, pause_button, resume_button, stop_button
from app.components.run_dialogs import delete_dialog, edit_dialog
from app.components.run_queue import QueueActions, run_queue
from app.components.run_table import run_table
from app.components.state_badge import state_badge
from app.frame import live
from app.links import open_view
from app.notices import attempt, say
from backend.domain.curve_link import MAX_SOURCES
from backend.domain.queue import is_held
from backend.domain.run_view import RunView
from backend.services.bundle import Services

REFRESH_SECONDS = 2.0
MOST_NAMED = 12
ALL, ACTIVE = "all", "active"
FILTERS = (ALL, ACTIVE, "paused", "finished", "stopped", "failed")


def render(services: Services) -> None:
    """The filters, the table, and what can be done with the selected run."""
    st.title("Runs", anchor=False)
    views = services.status.list()
    if not views:
        _nothing_yet()
        return
    every = REFRESH_SECONDS if _is_queue_shown(views) else None
    live(_queue, every, "runs-queue")(services)
    shown = _filtered(views)
    if not shown:
        st.info("No run matches. Clear the search or choose another state.", icon=":material/search_off:")
        return
    selected = run_table(shown, _colors(services, shown))
    match selected:
        case []:
            st.caption(f"{len(shown):,} of {len(views):,} runs. Select a row to do something with a run, or several.")
        case [one]:
            _selected(services, one)
        case _:
            _several(selected)


def _queue(services: Services) -> None:
    views = services.status.list()
    waiting = sorted((view for view in views if view.queue_position), key=lambda view: view.queue_position or 0)
    held = [view for view in views if _is_held(view)]
    if waiting or held:
        queue = services.queue
        run_queue(waiting, held, QueueActions(queue.step, queue.hold, queue.release))


def _is_queue_shown(views: Sequence[RunView]) -> bool:
    return any(view.queue_position or _is_held(view) for view in views)


def _is_held(view: RunView) -> bool:
    """A run that has begun already is paused instead, also for a person; it stands in the table."""
    return is_held(view.run) and not view.run.attempts


def _nothing_yet() -> None:
    with st.container(border=True, key="no-runs"):
        st.header("No runs yet", anchor=False)
        st.write("Every run that you start appears here, and stays until you delete it.")
        st.button(
            "Start a run",
            type="primary",
            icon=":material/model_training:",
            key="runs-start",
            on_click=open_view,
            args=("train",),
        )


def _filtered(views: Sequence[RunView]) -> Sequence[RunView]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state = st.radio("State", FILTERS, key="status", bind="query-params", horizontal=True)
        text = st.text_input(
            "Search",
            key="search",
            bind="query-params",
            type="search",
            live="300ms",
            placeholder="Name, tag, model, dataset, message",
            width=360,
        )
    wanted = (text or "").casefold().split()
    return [view for view in views if _is_in(view, state) and _has(view, wanted)]


def _is_in(view: RunView, state: str | None) -> bool:
    if state == ACTIVE:
        return view.run.is_active
    return state not in FILTERS or state in (ALL, view.state.value)


def _has(view: RunView, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    run = view.run
    texts = (run.name, run.id, run.method, run.base_model, run.dataset, run.message, run.notes, *run.tags)
    everything = "\n".join(texts).casefold()
    return all(word in everything for word in wanted)


def _colors(services: Services, views: Sequence[RunView]) -> dict[str, int]:
    colors = services.colors.of(f"run:{view.id}" for view in views)
    return {view.id: colors[f"run:{view.id}"] for view in views}


def _several(views: Sequence[RunView]) -> None:
    """What can be done with runs side by side."""
    with st.container(border=True, key="selected-runs"):
        st.markdown(f"**{len(views):,} runs**")
        names = ", ".join(view.name for view in views[:MOST_NAMED])
        st.text(names + (f" and {len(views) - MOST_NAMED:,} more" if len(views) > MOST_NAMED else ""))
        with st.container(horizontal=True):
            _beside("Open in Curves", ":material/stacked_line_chart:", "curves", views)
            _beside("Compare", ":material/compare_arrows:", "compare", views)


def _beside(label: str, icon: str, view: str, views: Sequence[RunView]) -> None:
    sources = [f"run:{one.id}" for one in views[:MAX_SOURCES]]
    st.button(label, icon=icon, key=f"runs-{view}", on_click=open_view, args=(view,), kwargs={"runs": sources})


def _selected(services: Services, view: RunView) -> None:
    with st.container(border=True, key="selected-run"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape(view.name)}**", width="content")
            state_badge(view.state)
            st.caption(escape(view.id), width="content")
        st.text(view.run.message)
        if view.run.notes:
            st.text(view.run.notes)
        _actions(services, view)


def _actions(services: Services, view: RunView) -> None:
    acts, is_active = acts_of(services), view.run.is_active
    with st.container(horizontal=True):
        _go("Open in Monitor", ":material/monitoring:", "monitor", view.id)
        _beside("Open in Curves", ":material/stacked_line_chart:", "curves", [view])
        pause_button(view, acts.pause, "run-pause")
        resume_button(view, acts.resume, "run-resume")
        stop_button(view, acts.stop, "run-stop")
        _go("Chat", ":material/chat:", "chat", view.id, view.has_adapter, "The adapter is written at the end.")
        if st.button("Edit", icon=":material/edit:", key="run-edit"):
            edit_dialog(view, lambda *facts: attempt(_annotate, services, *facts))
        if st.button(
            "Delete",
            icon=":material/delete:",
            key="run-delete",
            disabled=is_active,
            help="Stop the run first." if is_active else None,
        ):
            delete_dialog(view, lambda run_id: attempt(_delete, services, run_id))
        more_menu(view, acts, "run")


def _go(label: str, icon: str, view: str, run_id: str, is_possible: bool = True, why_not: str = "") -> None:
    st.button(
        label,
        icon=icon,
        key=f"run-{view}",
        disabled=not is_possible,
        help=None if is_possible else why_not,
        on_click=open_view,
        args=(view,),
        kwargs={"run": run_id},
    )


def _annotate(services: Services, run_id: str, name: str, notes: str, tags: Sequence[str]) -> None:
    services.library.annotate(run_id, name=name, notes=notes, tags=tags)


def _delete(services: Services, run_id: str) -> None:
    place = services.library.delete(run_id)
    say(f"The run was deleted. Its folder is now {place}." if place else "The run was deleted; it had no folder.")
