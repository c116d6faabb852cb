"""The tour: where one is, what is to be seen here, and the way on. No trap: every page works as always beside it."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app.links import link_to_view
from backend.domain.run_view import RunView
from backend.domain.states import RunState
from backend.domain.tour import STEPS, VIEWS, Tour, TourStep
from config.demo import DEMO_QUESTION

TITLES = {TourStep.WATCH: "Watch it learn", TourStep.ASK: "Ask it", TourStep.OWN: "Your own file"}
_NEXT = {
    TourStep.WATCH: "Next: ask both models",
    TourStep.ASK: "Next: your own file",
    TourStep.OWN: "Finish the tour",
}

_ASK = (
    "Put the question below to both. The **base model** knows the islands from its almanac, but not how to answer; "
    "the **tuned model** was shown how, on questions about *other* islands. The first answer takes longer: it loads "
    "the model."
)
_OWN = (
    "Upload a file with your own questions and answers: JSON lines with *prompt* and *completion*, CSV, chats and "
    "more. Its rows are checked before anything starts. The demo model is quick to try with; for real work choose a "
    "larger base model. Then **Start the run**."
)


@dataclass(frozen=True, slots=True)
class TourActs:
    """What the hint's buttons do."""

    go_on: Callable[[TourStep], None]
    end: Callable[[], None]


def tour_hint(tour: Tour, here: str, run: RunView | None, shown_run: str, acts: TourActs) -> None:
    """`here` is the page's address, `run` the demo run (None: it is gone), `shown_run` the id in the address."""
    told = _told(tour, here, shown_run, run)
    title = f":material/tour: **Tour, step {tour.number} of {len(STEPS)}: {TITLES[tour.step]}**"
    with st.container(border=True, key="tour"):
        if told:
            st.markdown(title)
            st.markdown(told)
        if told and tour.step is TourStep.ASK:
            st.code(DEMO_QUESTION, language=None)
        with st.container(horizontal=True, vertical_alignment="center"):
            if told:
                _go_on(tour.step, run, acts)
            else:
                st.markdown(title, width="content")
                _back(tour)
            st.button("End the tour", key="tour-end", type="tertiary", on_click=acts.end)


def _told(tour: Tour, here: str, shown_run: str, run: RunView | None) -> str:
    """What is to be seen on this page; "" if the tour goes on elsewhere."""
    is_of_tour = shown_run == tour.run_id
    match tour.step, here:
        case TourStep.WATCH, "monitor" if is_of_tour:
            return _of_run(run)
        case TourStep.ASK, "chat":
            return _ASK
        case TourStep.OWN, "train":
            return _OWN
        case TourStep.OWN, "monitor" if not is_of_tour:
            return "This is a run of your own, watched and kept alive like the demo. That was the tour."
        case _:
            return ""


def _of_run(run: RunView | None) -> str:
    if run is None:
        return "The demo run is gone. End the tour, and start it anew from Home."
    if run.state is RunState.FINISHED:
        return (
            "It has finished. The sentences below tell how far the loss fell, also on rows that it had never seen "
            "(*evaluation*). Now hear what it learned."
        )
    if not run.run.is_active:
        return "The demo run came to rest before its end; below stands why. **Resume** lets it go on."
    return (
        "The first time a tiny language model is made on this machine, which takes most of a minute; then it is "
        "trained. The **loss** is how much the right answers still surprise it: watch it fall. The second line of its "
        "chart is measured on rows that are held back. Everything moves by itself; close the page if you like, the "
        "run goes on."
    )


def _go_on(step: TourStep, run: RunView | None, acts: TourActs) -> None:
    is_ready = step is not TourStep.WATCH or (run is not None and run.has_adapter)
    st.button(
        _NEXT[step],
        type="primary",
        icon=":material/arrow_forward:",
        key=f"tour-{step}",
        disabled=not is_ready,
        help=None if is_ready else "As soon as the run has finished.",
        on_click=acts.go_on,
        args=(step,),
    )


def _back(tour: Tour) -> None:
    """To the page that the tour is about."""
    query = {} if tour.step is TourStep.OWN else {"run": tour.run_id}
    link_to_view(VIEWS[tour.step], "Go on with the tour", ":material/arrow_forward:", **query)
