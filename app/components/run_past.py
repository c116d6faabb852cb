"""What a run has behind it: attempts, journal, log and order."""

from collections.abc import Sequence

import streamlit as st

from app.components.durations import in_words
from backend.domain.run import Attempt, JournalLine
from backend.domain.run_view import RunView

TIME = "YYYY-MM-DD HH:mm:ss"
MAX_LINES = 500


def draw_attempts(view: RunView, journal: Sequence[JournalLine]) -> None:
    """Each attempt with why it ended, and every change of state with its reason."""
    if view.run.attempts:
        st.dataframe(
            [_attempt(attempt) for attempt in view.run.attempts],
            hide_index=True,
            column_config={"started": st.column_config.DatetimeColumn(format=TIME)},
            alt="Attempts of this run",
        )
    else:
        st.caption("No attempt has started yet.")
    st.subheader("Journal", anchor=False)
    st.dataframe(
        [{"at": line.at, "state": line.target.value, "reason": line.reason} for line in reversed(journal)],
        hide_index=True,
        column_config={
            "at": st.column_config.DatetimeColumn(format=TIME),
            "reason": st.column_config.TextColumn(width="large"),
        },
        alt="Journal of this run, newest first",
    )


def draw_log(text: str, wanted: str, attempt: int) -> None:
    """The end of a log, only lines that contain `wanted`."""
    lines = [line for line in text.splitlines() if wanted.casefold() in line.casefold()]
    if not lines:
        st.caption("No line contains this text." if text else "Nothing has been logged yet.")
        return
    with st.container(height=420, border=False, autoscroll=True, key="log-lines"):  # stays at the newest line
        st.code("\n".join(lines[-MAX_LINES:]), language=None, wrap_lines=True)
    if len(lines) > MAX_LINES:
        st.caption(f"The last {MAX_LINES} of {len(lines):,} lines.")
    st.download_button(
        "Download",
        text,
        file_name=f"attempt-{attempt:03d}.log",
        icon=":material/download:",
        on_click="ignore",
    )


def draw_order(config_text: str | None, run_id: str) -> None:
    """run.yaml as it was written, and the command that trains the same again."""
    if config_text is None:
        st.caption("The folder of this run has no run.yaml any more.")
        return
    st.code(config_text, language=None)  # the highlighter's light colours lack contrast (2.9:1)
    st.code("peft-studio train run.yaml", language="bash")
    st.download_button(
        "Download run.yaml",
        config_text,
        file_name=f"{run_id}.yaml",
        icon=":material/download:",
        on_click="ignore",
    )


def _attempt(attempt: Attempt) -> dict[str, object]:
    seconds = (attempt.ended_at - attempt.started_at).total_seconds() if attempt.ended_at else None
    return {
        "attempt": attempt.number,
        "started": attempt.started_at,
        "lasted": in_words(seconds) if seconds is not None else "still running",
        "process": attempt.process.pid if attempt.process else None,
        "went on from": f"step {attempt.resumed_from_step:,}" if attempt.resumed_from_step else "the start",
        "ended at step": attempt.last_step,
        "exit code": attempt.exit_code,
        "reason": attempt.reason,
    }
