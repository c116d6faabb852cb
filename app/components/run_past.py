"""What a run has behind it: its timeline and its order."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from app.components.durations import in_words
from app.components.markdown_escape import escape
from backend.domain.run import Attempt, JournalLine
from backend.domain.timeline import Chapter

TIME = "%Y-%m-%d %H:%M:%S"
MOST_CHAPTERS = 20
MOST_LINES = 50


def draw_timeline(chapters: Sequence[Chapter]) -> None:
    """The newest attempt first: when, how long, why it ended, and what the journal tells of its time."""
    if not chapters:
        st.caption("Nothing has happened yet.")
        return
    for chapter in reversed(chapters[-MOST_CHAPTERS:]):
        with st.container(border=True):
            _title(chapter)
            _lines(chapter)
    if len(chapters) > MOST_CHAPTERS:
        st.caption(f"{len(chapters) - MOST_CHAPTERS:,} earlier attempts are in record.json of the run's folder.")


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


def _title(chapter: Chapter) -> None:
    attempt = chapter.attempt
    if attempt is None:
        st.header("Before the first attempt", anchor=False)
        return
    st.header(f"Attempt {attempt.number}", anchor=False)
    st.text(_story(attempt))


def _story(attempt: Attempt) -> str:
    """Such as: It went on from step 40, lasted 3 min, and ended at step 60: killed by SIGKILL (exit code -9)."""
    start = f"went on from step {attempt.resumed_from_step:,}" if attempt.resumed_from_step else "began at the start"
    process = f" as process {attempt.process.pid}" if attempt.process else ""
    if attempt.ended_at is None:
        return f"It {start}{process}, and goes on."
    lasted = in_words((attempt.ended_at - attempt.started_at).total_seconds())
    at = f" at step {attempt.last_step:,}" if attempt.last_step is not None else ""
    code = f" (exit code {attempt.exit_code})" if attempt.exit_code is not None else ""
    return f"It {start}{process}, lasted {lasted}, and ended{at}: {attempt.reason or 'nobody knows why'}{code}."


def _lines(chapter: Chapter) -> None:
    shown = chapter.lines[-MOST_LINES:]
    if shown:
        began = chapter.began_at or shown[0].at
        st.table([_row(line, began) for line in reversed(shown)], border="horizontal", hide_index=True)
    if len(chapter.lines) > MOST_LINES:
        st.caption(f"{len(chapter.lines) - MOST_LINES:,} earlier lines are in record.json of the run's folder.")


def _row(line: JournalLine, began: datetime) -> dict[str, str]:
    """Words that wrap; a table reads them as Markdown."""
    return {
        "At": _local(line.at),
        "After": in_words((line.at - began).total_seconds()),
        "State": line.target.value,
        "What happened": escape(line.reason),
    }


def _local(at: datetime) -> str:
    """By the clock of the browser, else UTC."""
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo("UTC")
    return f"{at.astimezone(zone):{TIME}}"
