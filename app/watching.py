"""Waiting for what a slow disk has to tell, with progress; and choosing a row by the address."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

ROUNDS, ROUND_SECONDS = 50, 0.2  # ten seconds; then the page shows what is known, and says that there is more
Found = TypeVar("Found")


def watched(
    what: str, look: Callable[[], Found], wait: Callable[[float], object], num_left: Callable[[Found], int]
) -> Found:
    """What `look` tells once nothing is left, or when patience ends. A person may click elsewhere meanwhile."""
    found = look()
    most = left = num_left(found)
    if not left:
        return found
    place = st.empty()
    for _ in range(ROUNDS):
        wait(ROUND_SECONDS)
        found = look()
        left = num_left(found)
        if not left:
            place.empty()
            return found
        most = max(most, left)
        place.progress(1 - left / most, text=f"{what}: {left:,} to go")
    place.info(f"{what} takes long: {left:,} to go. What is known so far is shown.", icon=":material/hourglass_top:")
    return found


def choose_in_address(name: str) -> Callable[[str | None], None]:
    """For a callback: writes what was chosen into the address, so that a reload shows the same."""

    def choose(chosen: str | None) -> None:
        if chosen is None:
            st.query_params.pop(name, None)
        else:
            st.query_params[name] = chosen

    return choose
