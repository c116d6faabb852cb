"""What can be done with the runs that are selected: one, or many at once."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.acts import acts_of
from app.components.bulk_dialogs import delete_many_dialog, named, stop_dialog, tag_dialog
from app.components.markdown_escape import escape
from app.components.run_buttons import can_stop, more_menu, pause_button, resume_button, stop_button
from app.components.run_dialogs import delete_dialog, edit_dialog
from app.components.state_badge import state_badge
from app.links import open_view
from app.notices import attempt, say
from backend.domain.curve_link import MAX_SOURCES
from backend.domain.run_finding import AllFacts
from backend.domain.run_view import RunView
from backend.domain.runs_csv import runs_csv
from backend.services.bulk_runs import BulkOutcome
from backend.services.bundle import Services

MOST_REASONS = 3


def one_run(services: Services, view: RunView) -> None:
    """Its sentence, its notes, and its buttons."""
    with st.container(border=True, key="selected-run"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape(view.name)}**", width="content")
            state_badge(view.state)
            st.caption(escape(view.id), width="content")
        st.text(view.run.message)
        if view.run.notes:
            st.text(view.run.notes)
        _actions(services, view)


def several_runs(
    services: Services, views: Sequence[RunView], facts: AllFacts, columns: Sequence[str], tags: Sequence[str]
) -> None:
    """What can be done with runs side by side; what changes them asks first."""
    with st.container(border=True, key="selected-runs"):
        st.markdown(f"**{len(views):,} runs**")
        st.text(named(views))
        with st.container(horizontal=True):
            _beside("Open in Curves", ":material/stacked_line_chart:", "curves", views)
            _beside("Compare", ":material/compare_arrows:", "compare", views)
            _bulk(services, views, tags)
            export_button(views, facts, columns, "runs-export-selected")


def export_button(views: Sequence[RunView], facts: AllFacts, columns: Sequence[str], key: str) -> None:
    """The CSV is made when it is asked for."""
    st.download_button(
        f"Export {len(views):,} as CSV",
        lambda: runs_csv(views, facts, columns),
        "runs.csv",
        "text/csv",
        icon=":material/download:",
        key=key,
        on_click="ignore",
        help="Id, name and the columns of the table. No spreadsheet executes it.",
    )


def _bulk(services: Services, views: Sequence[RunView], tags: Sequence[str]) -> None:
    bulk = services.bulk
    goes_on = [view for view in views if can_stop(view)]
    at_rest = [view for view in views if not view.run.is_active]
    if st.button("Tag", icon=":material/sell:", key="runs-tag"):
        tag_dialog(views, tags, lambda *facts: attempt(_told, bulk.tag, "tagged", *facts))
    if st.button(
        "Stop",
        icon=":material/stop:",
        key="runs-stop",
        disabled=not goes_on,
        help=None if goes_on else "None of them goes on.",
    ):
        left = [view for view in views if not can_stop(view)]
        stop_dialog(goes_on, left, lambda ids: attempt(_told, bulk.stop, "asked to stop", ids))
    if st.button(
        "Delete",
        icon=":material/delete:",
        key="runs-delete",
        disabled=not at_rest,
        help=None if at_rest else "All of them are at work or wait. Stop them first.",
    ):
        left = [view for view in views if view.run.is_active]
        delete_many_dialog(at_rest, left, lambda ids: attempt(_told, bulk.delete, "moved to the trash", ids))


def _told(act: Callable[..., BulkOutcome], done: str, *facts: object) -> None:
    outcome = act(*facts)
    number = len(outcome.done)
    told = f"{number:,} {'run was' if number == 1 else 'runs were'} {done}."
    if outcome.refused:
        reasons = " ".join(f"{reason.what} {reason.why}" for _, reason in outcome.refused[:MOST_REASONS])
        told += f" {len(outcome.refused):,} could not be: {reasons}"
    say(told)


def _beside(label: str, icon: str, view: str, views: Sequence[RunView]) -> None:
    sources = [f"run:{one.id}" for one in views[:MAX_SOURCES]]
    st.button(label, icon=icon, key=f"runs-{view}", on_click=open_view, args=(view,), kwargs={"runs": sources})


def _actions(services: Services, view: RunView) -> None:
    acts, is_active = acts_of(services), view.run.is_active
    with st.container(horizontal=True):
        _go("Open in Monitor", ":material/monitoring:", "monitor", view.id)
        _beside("Open in Curves", ":material/stacked_line_chart:", "curves", [view])
        pause_button(view, acts.pause, "run-pause")
        resume_button(view, acts.resume, "run-resume")
        stop_button(view, acts.stop, "run-stop")
        can_ask = view.has_adapter or services.playground.can_ask(view.id)
        _go(
            "Chat", ":material/chat:", "chat", view.id, can_ask, "It has no result yet, and no checkpoint with weights."
        )
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
