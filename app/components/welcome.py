"""What a person sees first: nothing has been trained yet, and one click changes that."""

from collections.abc import Callable

import streamlit as st

from app.links import open_view


def welcome(start_tour: Callable[[], None]) -> None:
    """What the tour does, and the way to one's own data."""
    with st.container(border=True, key="welcome"):
        st.header("Fine-tune your first model", anchor=False)
        st.markdown(
            "The tour trains a real, tiny language model on facts about islands, **offline, on the CPU of this "
            "machine**: about a minute, and the first time most of another one to make the model itself (both are "
            "estimates). You watch the loss fall, then ask the model before and after, then bring your own file. "
            "Every figure on the way is measured here, none is promised."
        )
        with st.container(horizontal=True):
            st.button(
                "Start the 60-second tour",
                type="primary",
                icon=":material/play_arrow:",
                key="home-tour",
                help="Starts the demo run and leads to it. It can be left at any time.",
                on_click=start_tour,
            )
            st.button(
                "Train on my own data",
                icon=":material/upload_file:",
                key="home-train",
                on_click=open_view,
                args=("train",),
            )
