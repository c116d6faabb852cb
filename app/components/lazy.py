"""Expanders whose contents are drawn only while they are open: what nobody looks at costs nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st


@contextmanager
def lazy_expander(label: str, icon: str, key: str) -> Iterator[bool]:
    """Gives whether it is open."""
    with st.expander(label, icon=icon, key=key, on_change="rerun") as box:
        yield bool(box.open)
