"""Versions: the fingerprint of the rows now, and which versions runs have used."""

from collections.abc import Sequence

import streamlit as st

from app.components.job_box import answer_of
from app.components.markdown_escape import escape
from app.dataset_pages.opened import Opened
from app.links import open_view
from backend.services.dataset_versions import RunUse

SHORT = 12
MAX_BUTTONS = 8
SAYS = {True: "the same rows as now", False: "changed since", None: "cannot be told"}


def draw(opened: Opened) -> None:
    """Now, where it came from, then the runs."""
    fingerprint = opened.table.facts.fingerprint
    st.markdown("**Fingerprint of the rows now**")
    st.code(fingerprint, language=None)
    if opened.part.hub_id is None:
        st.caption("SHA-256 of the file's bytes; of a folder, of all its files. Equal fingerprints, equal rows.")
    else:
        st.caption("Of name, configuration, split and commit: the rows as they were fetched.")
    _origin(opened)
    _same(opened, fingerprint)
    st.header("Runs on this dataset", anchor=False)
    job = opened.desk.uses(opened.part)
    job.wait(0.3)  # most of the time it is a matter of some files
    uses = answer_of(job, lambda: opened.desk.uses(opened.part), "uses")
    if uses is None:
        return
    if not uses:
        st.info("No run has this as its first dataset yet.", icon=":material/info:")
        return
    _remark(uses)
    _table(uses)
    with st.container(horizontal=True):
        for use in uses[:MAX_BUTTONS]:
            st.button(
                escape(use.name),
                icon=":material/monitoring:",
                type="tertiary",
                key=f"use-{use.run_id}",
                help=escape(f"Open the run {use.name} in Monitor"),
                on_click=open_view,
                args=("monitor",),
                kwargs={"run": use.run_id},
            )


def _origin(opened: Opened) -> None:
    told = opened.services.datasets.origin(opened.part.path)
    if not told:
        return
    removed = told.get("removed")
    left_out = ", ".join(f"{count:,} {why}" for why, count in removed.items()) if isinstance(removed, dict) else ""
    lines = [
        f"Made here: {told.get('what')} of {told.get('made_from')}, {told.get('at')}.",
        f"Left out: {left_out}." if left_out else "Nothing was left out.",
        f"The original had the fingerprint {str(told.get('fingerprint'))[:SHORT]}.",
    ]
    st.info(escape(" ".join(lines)), icon=":material/call_split:")


def _same(opened: Opened, fingerprint: str) -> None:
    """Other datasets of the list with equal rows, as far as they were read."""
    others = [one for one in opened.desk.registry.list() if one.path != opened.part.path]
    same = [one.name for one in others if opened.desk.facts(one.part).fingerprint == fingerprint]
    if same:
        st.caption(escape(f"The same content as {', '.join(same[:5])}."))


def _remark(uses: Sequence[RunUse]) -> None:
    changed = [use for use in uses if use.is_same is False]
    if changed:
        newest = changed[0]
        more = f" and {len(changed) - 1:,} other runs" if len(changed) > 1 else ""
        st.warning(escape(f"The dataset has changed since the run {newest.name}{more}."), icon=":material/history:")


def _table(uses: Sequence[RunUse]) -> None:
    versions = list(dict.fromkeys(use.fingerprint for use in reversed(uses) if use.fingerprint))
    st.dataframe(
        {
            "Run": [use.name for use in uses],
            "Started": [use.created_at for use in uses],
            "Version": [versions.index(use.fingerprint) + 1 if use.fingerprint else None for use in uses],
            "Fingerprint": [use.fingerprint[:SHORT] or "not recorded yet" for use in uses],
            "Rows": [SAYS[use.is_same] for use in uses],
        },
        hide_index=True,
        column_config={
            "Started": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "Version": st.column_config.NumberColumn(help="Numbered by their first use; mixtures count as one."),
        },
        alt=f"{len(uses)} runs on this dataset, newest first, with the versions that they used",
    )
