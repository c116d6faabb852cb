"""Dialogs that make runs of runs, or end one at once: what will happen in clear words, then a button."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.session import widget_value
from backend.domain.run_view import RunView

MOST_STEPS = 100_000_000


@st.dialog("Stop the run now?", icon=":material/bolt:")
def stop_now_dialog(view: RunView, stop_now: Callable[[str], None]) -> None:
    """Asks first, as the steps since the last checkpoint are lost."""
    saved = view.last_checkpoint_step
    lost = "everything so far" if saved is None else f"what came after its checkpoint of step {saved:,}"
    st.text(view.name)
    st.write(f"It ends at once, without writing a checkpoint: {lost} is lost. *Stop* writes one first.")

    def done() -> None:
        stop_now(view.id)
        st.rerun()

    with st.container(horizontal=True):
        st.button("Stop now", type="primary", icon=":material/bolt:", key="stop-now-yes", on_click=done)
        st.button("Let it run", key="stop-now-no", on_click=st.rerun)


@st.dialog("Extend the run", icon=":material/add_circle:")
def extend_dialog(view: RunView, extend: Callable[[str, int], None]) -> None:
    """`extend(run_id, more_steps)` is called by the button, which closes it."""
    key = f"extend-steps-{view.id}"
    st.text(view.name)
    st.write(
        "The same run goes on from its last checkpoint, with the exact state of optimizer and data. Its result so far "
        "is kept beside the new one, and the curves go on."
    )
    proposed = max(1, view.total_steps // 2)
    more = st.number_input("More steps", 1, MOST_STEPS, value=proposed, step=1, key=key)
    done_already = view.total_steps or view.step
    st.caption(
        f"From step {done_already:,} to {done_already + int(more):,}. The learning rate goes on as in a run of that "
        "length: with a schedule that falls to zero it rises again first."
    )

    def done() -> None:
        extend(view.id, int(widget_value(key)))
        st.rerun()

    st.button("Extend", type="primary", icon=":material/add_circle:", key="extend-yes", on_click=done, width="stretch")


@st.dialog("Fork the run", icon=":material/call_split:")
def fork_dialog(view: RunView, steps: Sequence[int], fork: Callable[[str, int, Sequence[str], str], None]) -> None:
    """`fork(run_id, step, settings, name)`, with settings such as "training.learning_rate=1e-5"."""
    keys = {part: f"fork-{part}-{view.id}" for part in ("step", "name", "rate", "total", "more")}
    st.write(
        "A new run begins from a checkpoint of this one, with other settings where you change them. This run stays "
        "as it is. Base model, data, method and the rows of a step cannot change."
    )
    st.selectbox("Checkpoint of step", list(steps), key=keys["step"], format_func=lambda step: f"{step:,}")
    st.text_input("Name", f"{view.name}, fork", max_chars=200, key=keys["name"])
    left, right = st.columns(2)
    left.text_input("Learning rate", key=keys["rate"], placeholder="as it is")
    right.number_input("Steps in all", 1, MOST_STEPS, value=None, step=1, key=keys["total"], placeholder="as it is")
    st.text_area(
        "Other settings",
        key=keys["more"],
        placeholder="training.weight_decay=0.01\nguards.divergence=stop",
        help="One a line, as in run.yaml: section.name=value",
        height=90,
    )

    def done() -> None:
        found = {part: widget_value(key) for part, key in keys.items()}
        fork(view.id, int(found["step"]), settings_of(found["rate"], found["total"], found["more"]), found["name"])
        st.rerun()

    st.button("Fork", type="primary", icon=":material/call_split:", key="fork-yes", on_click=done, width="stretch")


@st.dialog("Start the run over?", icon=":material/restart_alt:")
def start_over_dialog(view: RunView, start_over: Callable[[str], None]) -> None:
    """Asks first, as a new run is made."""
    st.text(view.name)
    st.write("A new run with the same order begins at step 0. This one stays as it is, with all that it has.")

    def done() -> None:
        start_over(view.id)
        st.rerun()

    with st.container(horizontal=True):
        st.button("Start over", type="primary", icon=":material/restart_alt:", key="start-over-yes", on_click=done)
        st.button("Leave it", key="start-over-no", on_click=st.rerun)


def settings_of(rate: str | None, total: int | None, more: str | None) -> list[str]:
    """The changed settings as `a.b=c`."""
    found = [line.strip() for line in (more or "").splitlines() if line.strip()]
    if rate and rate.strip():
        found.append(f"training.learning_rate={rate.strip()}")
    if total is not None:
        found.append(f"training.max_steps={int(total)}")
    return found
