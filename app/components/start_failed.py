"""What is shown instead of the pages while the dashboard cannot work."""

import streamlit as st

from app.components.error_box import error_box
from backend.errors import Explanation


def start_failed(error: Explanation) -> None:
    """Why, what to do, where to look, and a button that tries again: every drawing of a page does."""
    st.title("The studio could not start", anchor=False)
    error_box(error)
    st.text(
        "Runs that train go on meanwhile; they do not need this page. "
        "The dashboard's log, logs/dashboard.log in the workspace, has the details."
    )
    st.button("Try again", type="primary", icon=":material/refresh:", key="start-again")
