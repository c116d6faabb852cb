"""Work that goes on beside the page: how far it is, its end on request, and what came of it."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.components.error_box import error_box
from app.components.markdown_escape import escape
from app.notices import attempt
from app.session import note, noted
from backend.services.jobs import Job, JobState, Key

AWAITED = "studio-awaited-job"


def job_boxes(jobs: Sequence[tuple[Key, Job]]) -> None:
    """The jobs that run."""
    for number, (_, job) in enumerate(jobs):
        said = f"{job.title}: {job.said}" if job.said else job.title
        with st.container(horizontal=True, vertical_alignment="center", key=f"job-{number}"):
            if job.share is None:
                st.markdown(f":material/hourglass_top: {escape(said)}", width="stretch")
            else:
                st.progress(min(1.0, max(0.0, job.share)), text=escape(said))
            st.button(
                "Cancel",
                icon=":material/close:",
                key=f"job-cancel-{number}",
                help=escape(f"End this: {job.title}"),
                on_click=job.cancel,
            )


def is_awaited(job: Job) -> bool:
    """Whether a job still runs; then the page is drawn again when it is over."""
    if job.is_running:
        note(AWAITED, True)
    return job.is_running


def take_awaited() -> bool:
    """Whether the page that was drawn awaits a job; asking forgets it."""
    found = bool(noted(AWAITED))
    note(AWAITED, False)
    return found


def answer_of(job: Job | None, again: Callable[[], object], key: str) -> Any:  # noqa: ANN401 - jobs answer anything
    """The answer if there is one; what else became of the job is said, with a way to try again."""
    if job is None or job.state is JobState.DONE:
        return None if job is None else job.answer
    if is_awaited(job):
        st.caption("This is being worked on; the page shows the answer when it is there.")
        return None
    if job.error is not None:
        error_box(job.error)
    else:
        st.info("This was cancelled.", icon=":material/cancel:")
    st.button("Try again", icon=":material/refresh:", key=f"again-{key}", on_click=attempt, args=(again,))
    return None
