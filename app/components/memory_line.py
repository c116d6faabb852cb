"""The memory of the dashboard, in one line, and the button that frees some of it."""

from collections.abc import Callable

import streamlit as st

from app.components.sizes import in_bytes
from backend.services.memory_monitor import MemoryUse


def memory_line(use: MemoryUse) -> str:
    """What was measured, and whether it is more than it should be."""
    if use.own_bytes is None:
        return "The memory of the dashboard cannot be measured here."
    children = "" if use.children_bytes is None else f", the programs it has started {in_bytes(use.children_bytes)}"
    line = f"The dashboard takes {in_bytes(use.own_bytes)} of memory{children}."
    if use.is_above_limit:
        line += f" That is more than {in_bytes(use.limit_bytes)}: restarting the dashboard frees it and stops no run."
    return line


def free_memory(free: Callable[[], None]) -> None:
    """A button."""
    st.button(
        "Free memory",
        icon=":material/mop:",
        key="machine-free-memory",
        on_click=free,
        help="Clears the dashboard's caches, which fill again when needed, and unloads the chat's model unless it is "
        "answering. No run is touched.",
    )
