"""What the doctor found, worst first, with the rows that it concerns."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.data_report import DataFinding, Place, Severity

LOOKS = {
    Severity.ERROR: ("Spoils training", ":material/error:", "red"),
    Severity.WARNING: ("May spoil training", ":material/warning:", "orange"),
    Severity.NOTE: ("Worth knowing", ":material/info:", "gray"),
}


def findings_list(findings: Sequence[DataFinding], open_row: Callable[[Place], None] | None, key: str) -> None:
    """Draw findings by severity; `open_row` is called with the name of a row that was clicked."""
    for severity, (title, icon, colour) in LOOKS.items():
        some = [finding for finding in findings if finding.severity is severity]
        if some:
            st.badge(f"{title}: {len(some)}", icon=icon, color=colour)  # type: ignore[arg-type]
        for number, finding in enumerate(some):
            _one(finding, open_row, f"{key}-{severity.value}-{number}")


def _one(finding: DataFinding, open_row: Callable[[Place], None] | None, key: str) -> None:
    with st.container(border=True, key=key):
        count = f" {finding.num_rows:,} of the examined rows." if finding.num_rows else ""
        st.markdown(f"**{escape(finding.what)}**{count}")
        st.markdown(f"{escape(finding.why)}  \n{escape(finding.fix)}  \n:small[{escape(finding.id)}]")
        if open_row is None or not finding.rows:
            return
        with st.container(horizontal=True):
            for place in finding.rows:
                st.button(
                    f"Row {escape(str(place))}",
                    key=f"{key}-row-{place}",
                    icon=":material/table_rows:",
                    type="tertiary",
                    help=escape(f"Show row {place}, for: {finding.what}"),
                    on_click=open_row,
                    args=(place,),
                )
