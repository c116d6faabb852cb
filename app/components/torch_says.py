"""What torch itself says about the GPUs, when, and the button that asks it again."""

from collections.abc import Callable

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.cuda_truth import in_words
from backend.services.cuda_truth import Asking

NOT_ASKED = "torch was not asked yet under the present circumstances: this page does not import it."
ASKING = "torch is being asked, in a program of its own. That takes some seconds."


def torch_says(asking: Asking, ask: Callable[[], None]) -> None:
    """`ask` starts the program; nothing waits for it."""
    st.markdown("**What torch says**")
    truth = asking.truth
    if asking.error is not None:
        st.warning(escape(f"{asking.error.what} {asking.error.why} {asking.error.fix}"), icon=":material/help:")
    elif truth is not None:
        first, *more = in_words(truth)
        st.markdown(escape(first))
        for line in more:
            st.caption(escape(line))
    if asking.is_running:
        st.caption(ASKING)
    elif truth is None and asking.error is None:
        st.caption(NOT_ASKED)
    st.button(
        "Check again" if truth or asking.error else "Ask torch",
        icon=":material/refresh:",
        key="machine-ask-torch",
        disabled=asking.is_running,
        on_click=ask,
        help="Starts a short-lived program that imports torch and tries the first GPU. No run is touched.",
    )
