"""An error as a person reads it: what happened, why, what to do, with its id and time."""

import streamlit as st

from app.components.markdown_escape import escape
from backend.errors import Explanation


def error_box(error: Explanation, incident: str = "") -> None:
    """Draw an error in a red frame. `incident` is the name under which the log has more."""
    st.error(as_markdown(error, incident), icon=":material/error:")


def warning_box(error: Explanation) -> None:
    """The same for what keeps nothing from happening."""
    parts = (f"**{escape(error.what)}**", _lines(error.why), _lines(error.fix))
    st.warning("\n\n".join(parts), icon=":material/warning:")


def as_markdown(error: Explanation, incident: str = "") -> str:
    """All of its sentences may quote foreign text, so they are escaped."""
    parts = (f"**{escape(error.what)}**", _lines(error.why), _lines(error.fix), _reference(error, incident))
    return "\n\n".join(parts)


def _reference(error: Explanation, incident: str) -> str:
    parts = (error.id, error.at, f"incident {incident}" if incident else "")
    return f":small[{', '.join(escape(part) for part in parts if part)}]"


def _lines(text: str) -> str:
    return "  \n".join(escape(line) for line in text.splitlines())
