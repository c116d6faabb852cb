"""Runs: the queue, and all of them, to find, sort, group, watch, stop, branch, annotate, export and delete."""

from collections.abc import Sequence
from math import ceil

import streamlit as st

from app.components.empty_card import empty_card
from app.components.page_watch import page_watch
from app.components.run_filters import Offered, run_filters
from app.components.run_queue import MOST_ROWS, QueueActions, run_queue
from app.components.run_table import group_table, run_table
from app.frame import live
from app.marks import READING, MarkKind, in_queue, mark_of
from app.notices import draw_again
from app.remembered import has_gpu
from app.sections.selected_runs import export_button, one_run, several_runs
from app.session import state_manager
from backend.domain.actions import set_runs_look
from backend.domain.application_state import RunsLook
from backend.domain.run_columns import needs_files, short_path
from backend.domain.run_finding import AllFacts, RunFilter, found, grouped, ordered
from backend.domain.run_view import RunView
from backend.services.bundle import Services
from backend.services.run_facts import KnownFacts

ROWS_OF_A_PAGE = 1_000
STEP_OF_READING = 0.8  # share of what was left: a page of a thousand runs is drawn anew some thirty times at most
NOTHING_READ = KnownFacts({}, 0, 0)


def render(services: Services) -> None:
    """The queue, the filters, the table or the groups, and what can be done with what is selected."""
    st.title("Runs", anchor=False)
    views = services.status.list()
    if not views:
        empty_card("No runs yet", "Every run that you start appears here, and stays until you delete it.", "runs")
        return
    moving = st.container()
    state = state_manager(services)
    wanted, look, by = run_filters(_offered(services, views), state.state.ui.runs)
    state.update_state(set_runs_look(look))
    is_read = bool(wanted.words) or needs_files((*look.columns, look.sort, *([by] if by else [])))
    known = services.facts.known(views) if is_read else NOTHING_READ
    with moving:
        live(_moving, None, "runs-queue")(services, known.num_left)
    shown = _shown(views, known.by_id, wanted, look)
    if not shown:
        st.info("No run matches. Clear the search or choose another state.", icon=":material/search_off:")
        return
    selected = _groups(shown, known.by_id, look, by) if by else _page(services, shown, known.by_id, look)
    _selected(services, views, shown, selected, known.by_id, look)


def _offered(services: Services, views: Sequence[RunView]) -> Offered:
    runs = [view.run for view in views]
    return Offered(
        tags=sorted({tag for run in runs for tag in run.tags}),
        methods=sorted({run.method for run in runs}),
        models=sorted({short_path(run.base_model) for run in runs}),
        datasets=sorted({short_path(run.dataset) for run in runs}),
        columns=services.facts.columns(),
    )


def _moving(services: Services, num_left: int) -> None:
    """Drawn anew when the queue is another one, or settings were read; when many more are known, all of the page."""
    of = (READING,) if num_left else ()
    mark = mark_of(services, MarkKind.QUEUE, of)
    views = services.status.list()
    if num_left:
        left = services.facts.known(views).num_left
        if left < num_left * STEP_OF_READING:
            draw_again()
        st.caption(f"The settings of {left:,} runs are being read; they are not found or shown yet.")
    waiting, held = in_queue(views)
    if waiting or held:
        queue = services.queue
        needs = queue.needs((view.run for view in waiting[:MOST_ROWS]), has_gpus=has_gpu(services))
        run_queue(waiting, held, needs, QueueActions(queue.move, queue.hold, queue.release))
    page_watch(MarkKind.QUEUE, mark.text, of)


def _shown(views: Sequence[RunView], facts: AllFacts, wanted: RunFilter, look: RunsLook) -> list[RunView]:
    matching = found(views, facts, wanted)
    if look.sort == "created" and not look.is_ascending:
        return matching  # newest first, as the store gives them
    return ordered(matching, facts, look.sort, descending=not look.is_ascending)


def _page(services: Services, shown: Sequence[RunView], facts: AllFacts, look: RunsLook) -> list[RunView]:
    """The table, or the part of it that one page holds."""
    num_pages = ceil(len(shown) / ROWS_OF_A_PAGE)
    first = 0
    if num_pages > 1:
        page = st.number_input(f"Page of {num_pages:,}", 1, num_pages, 1, key="page", bind="query-params", width=200)
        first = (min(int(page), num_pages) - 1) * ROWS_OF_A_PAGE
    rows = shown[first : first + ROWS_OF_A_PAGE]
    colors = services.colors.of(f"run:{view.id}" for view in rows)
    return run_table(rows, {view.id: colors[f"run:{view.id}"] for view in rows}, facts, look.columns)


def _groups(shown: Sequence[RunView], facts: AllFacts, look: RunsLook, by: str) -> list[RunView]:
    """All runs of the groups that are selected, each once."""
    groups = group_table(grouped(shown, facts, by), facts, by, look.columns)
    return list({view.id: view for group in groups for view in group.views}.values())


def _selected(
    services: Services,
    views: Sequence[RunView],
    shown: Sequence[RunView],
    selected: Sequence[RunView],
    facts: AllFacts,
    look: RunsLook,
) -> None:
    match selected:
        case []:
            with st.container(horizontal=True, vertical_alignment="center"):
                what = f"{len(shown):,} of {len(views):,} runs. Select a row to do something with a run, or several."
                st.caption(what)
                st.space("stretch")
                export_button(shown, facts, look.columns, "runs-export")
        case [one]:
            one_run(services, one)
        case _:
            tags = sorted({tag for view in views for tag in view.run.tags})
            several_runs(services, selected, facts, look.columns, tags)
