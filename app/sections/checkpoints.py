"""The checkpoints of one run: what was measured there, whether they are whole, and deleting one."""

import streamlit as st

from app.acts import acts_of
from app.components.branch_dialogs import fork_dialog
from app.components.library_dialogs import delete_checkpoint_dialog
from app.components.markdown_escape import escape
from app.components.model_cards import metric_lines
from app.components.model_table import checkpoint_table, marks
from app.components.run_selector import select_run
from app.components.sizes import in_bytes
from app.links import open_view
from app.notices import attempt, say
from app.session import state_manager
from app.watching import choose_in_address
from backend.domain.actions import open_run
from backend.domain.checkpoint_rows import CheckpointRow
from backend.domain.run_results import metric_order
from backend.domain.run_view import RunView
from backend.services.bundle import Services

MOST_METRICS = 4


def checkpoints(services: Services) -> None:
    """Of the run of ?run=ID, or the one that was open."""
    views = services.status.list()
    if not views:
        st.info("No run yet, so there are no checkpoints.", icon=":material/info:")
        return
    state = state_manager(services)
    run_id = select_run(views, state.state.view.run_id)
    state.update_state(open_run(run_id))
    rows = services.checkpoints.look(run_id)
    view = next(view for view in views if view.id == run_id)
    if not rows:
        st.info("This run has no checkpoint. They are written while it trains.", icon=":material/info:")
        return
    tags = metric_order({tag for row in rows for tag in row.metrics})[:MOST_METRICS]
    st.caption(f"{len(rows):,} checkpoints, {in_bytes(sum(row.found.size_bytes for row in rows))}")
    chosen = st.query_params.get("step")
    checkpoint_table(rows, tags, chosen, choose_in_address("step"))
    row = next((row for row in rows if str(row.step) == chosen), None)
    if row is None:
        st.caption("Select a row to verify, fork or delete a checkpoint.")
    else:
        _one_checkpoint(services, view, row, tags)


def _one_checkpoint(services: Services, view: RunView, row: CheckpointRow, tags: tuple[str, ...]) -> None:
    with st.container(border=True, key="chosen-checkpoint"):
        st.header(f"Step {row.step:,}", anchor=False)
        told = marks(row)
        st.caption(f"{in_bytes(row.found.size_bytes)} on the disk" + (f"; {told}" if told else ""))
        measured = tuple(tag for tag in tags if tag in row.metrics)
        if measured:
            metric_lines(row.metrics, measured)
        with st.container(horizontal=True):
            is_asked = st.button(
                "Verify",
                icon=":material/verified:",
                key="checkpoint-verify",
                disabled=not row.found.is_sealed,
                help="Compares every byte with the manifest that was written last.",
            )
            if st.button("Fork", icon=":material/call_split:", key="checkpoint-fork", disabled=not row.found.is_sealed):
                fork_dialog(view, [row.step], acts_of(services).fork)
            st.button(
                "Open in Monitor",
                icon=":material/monitoring:",
                key="checkpoint-monitor",
                on_click=open_view,
                args=("monitor",),
                kwargs={"run": view.id},
            )
            if st.button(
                "Delete",
                icon=":material/delete:",
                key="checkpoint-delete",
                disabled=bool(row.refusal),
                help=escape(row.refusal) or None,
            ):
                delete_checkpoint_dialog(view.name, row, lambda step: attempt(_deleted, services, view.id, step))
        if row.refusal:
            st.caption(f"It cannot be deleted. {escape(row.refusal)}")
        if is_asked:
            _verified(services, view.id, row.step)


def _verified(services: Services, run_id: str, step: int) -> None:
    with st.spinner("Comparing every byte with the manifest"):
        problem = services.checkpoints.verify(run_id, step)
    if problem is None:
        st.success("Every byte is as it was sealed.", icon=":material/verified:")
    else:
        st.error(f"It is damaged: {escape(problem)}.", icon=":material/error:")


def _deleted(services: Services, run_id: str, step: int) -> None:
    place = services.checkpoints.delete(run_id, step)
    say(f"The checkpoint of step {step:,} is now in {place}.")
