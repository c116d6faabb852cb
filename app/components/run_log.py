"""The log of an attempt: its newest lines, what is wanted of them, and the whole to take along."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import streamlit as st

from app.components.sizes import in_bytes
from backend.domain.log_levels import Level, chosen

MOST_LINES = 500
END_BYTES = 256_000  # is read and shown as it is
SEARCHED_BYTES = 2_000_000  # is looked through for words and levels
_LEVELS = {"All lines": Level.ALL, "Warnings and errors": Level.WARNINGS, "Errors": Level.ERRORS}


@dataclass(frozen=True, slots=True)
class LogWish:
    """What a person wants to see. `follows`: new lines come by themselves."""

    attempt: int
    words: str = ""
    level: Level = Level.ALL
    follows: bool = True

    @property
    def num_bytes(self) -> int:
        """How much of the end has to be read for it."""
        return SEARCHED_BYTES if self.words or self.level is not Level.ALL else END_BYTES


def log_controls(numbers: Sequence[int], words: str, follow: str, *, is_live: bool) -> LogWish:
    """Attempt, level, words, and whether it follows (a toggle with the key `follow`); `is_live`: lines can come."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="log-controls"):
        number = st.selectbox("Attempt", numbers, key="monitor-attempt", width=110)
        level = st.selectbox("Level", list(_LEVELS), key="monitor-level", width=200, help="By the words of the lines.")
        wanted = st.text_input("Only lines that contain", words, key="monitor-log-filter", type="search", width=260)
        follows = is_live and st.toggle("Follow", True, key=follow, help="New lines come by themselves.")
    return LogWish(number, wanted, _LEVELS[level], follows)


def draw_log(wish: LogWish, read: Callable[[int], str], size_bytes: int, run_id: str) -> None:
    """`read(n)` gives the end of the log, `n` bytes at most; `size_bytes` is the whole."""
    text = read(wish.num_bytes)
    lines = chosen(text.splitlines(), wish.level, wish.words)
    if lines:
        with st.container(height=420, border=False, autoscroll=wish.follows, key="log-lines"):
            st.code("\n".join(lines[-MOST_LINES:]), language=None, wrap_lines=True)
    else:
        st.caption("No line fits." if text else "Nothing has been logged yet.")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(_about(wish, len(lines), size_bytes), width="content")
        if size_bytes:
            address = f"/api/runs/{quote(run_id, safe='')}/log?attempt={wish.attempt}"
            st.link_button("Download the whole log", address, icon=":material/download:", key="log-download")


def _about(wish: LogWish, num_lines: int, size_bytes: int) -> str:
    """How much of the log this is."""
    fitting = "1 line" if num_lines == 1 else f"{num_lines:,} lines"
    shown = f"The newest {MOST_LINES:,} of {fitting}" if num_lines > MOST_LINES else fitting
    if size_bytes <= wish.num_bytes:
        return f"{shown}; the log has {in_bytes(size_bytes)}."
    return f"{shown} of the last {in_bytes(wish.num_bytes)}; the log has {in_bytes(size_bytes)}."
