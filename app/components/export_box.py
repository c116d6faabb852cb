"""Exports of one run: choosing a kind and its knobs, what became of the last one, and the list of what was written."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.components.error_box import error_box
from app.components.job_box import job_boxes
from app.components.markdown_escape import escape
from app.components.parameter_input import parameter_input
from app.components.sizes import in_bytes
from app.session import note, noted, show_in_widget, widget_value
from backend.domain.exports import Export
from backend.services.exports import Offer
from backend.services.jobs import Job, JobState

Start = Callable[[str, Mapping[str, object], str], None]


def export_form(offers: Sequence[Offer], place: str, start: Start, *, is_busy: bool) -> None:
    """The kinds that are possible, and why others are not; `start(kind, knobs, name)` is called by the button."""
    possible = {offer.name: offer for offer in offers if not offer.refusal}
    if possible:
        kind = st.segmented_control(
            "Export as",
            list(possible),
            format_func=lambda name: escape(possible[name].kind.card.title if name in possible else name),
            required=True,
            default=next(iter(possible)),
            key=f"export-kind-{place}",
        )
        _one_kind(possible.get(str(kind)) or next(iter(possible.values())), place, start, is_busy=is_busy)
    for offer in offers:
        if offer.refusal:
            st.caption(f":material/block: {escape(offer.kind.card.title)}: {escape(offer.refusal)}")


def _one_kind(offer: Offer, place: str, start: Start, *, is_busy: bool) -> None:
    card = offer.kind.card
    st.caption(escape(f"{card.summary} {card.use_when}"))
    prefix, name = f"export-{place}-{offer.name}", f"export-name-{place}-{offer.name}"
    knobs = offer.kind.parameters()
    for knob in knobs:
        key = f"{prefix}.{knob.name}"
        parameter_input(knob, key, noted(key), note)

    def begin() -> None:
        turned = {knob.name: found for knob in knobs if (found := noted(f"{prefix}.{knob.name}")) is not None}
        start(offer.name, turned, str(widget_value(name) or "").strip())

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Name",
            key=show_in_widget(name, widget_value(name) or ""),
            max_chars=64,
            placeholder="as the kind suggests",
            help="Of the folder below the run's exports/: lower-case letters, digits, dots and hyphens.",
            width=220,
        )
        st.button(
            "Export",
            icon=":material/output:",
            type="primary",
            key=f"export-start-{place}",
            disabled=is_busy,
            help="An export of this run is at work." if is_busy else None,
            on_click=begin,
        )


def export_job(job: Job | None) -> None:
    """What the last export is doing, or what became of it."""
    if job is None:
        return
    if job.is_running:
        job_boxes([(("export",), job)])
    elif job.state is JobState.DONE:
        told = job.answer.record.verified.told if job.answer.record else ""
        st.success(escape(f"{job.answer.name} was written. {told}"), icon=":material/verified:")
    elif job.error is not None:
        error_box(job.error)
    else:
        st.info("The export was cancelled; nothing of it was left.", icon=":material/cancel:")


def export_list(exports: Sequence[Export], place: str, delete: Callable[[str], None]) -> None:
    """What was written, newest first; `delete(name)` is called after a second click."""
    if not exports:
        st.caption("Nothing was exported yet.")
    for one in exports:
        with st.container(border=True, key=f"export-{place}-{one.name}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                made = f", {one.record.kind}, {one.record.created_at[:16].replace('T', ' ')} UTC" if one.record else ""
                st.markdown(f"**{escape(one.name)}** {escape(in_bytes(one.size_bytes) + made)}", width="stretch")
                with st.popover("Delete", icon=":material/delete:", key=f"export-delete-{place}-{one.name}"):
                    st.write(f"{in_bytes(one.size_bytes)} become free when the trash is emptied.")
                    st.button(
                        "Move it to the trash",
                        key=f"export-delete-sure-{place}-{one.name}",
                        on_click=delete,
                        args=(one.name,),
                    )
            st.code(str(one.folder), language=None)
            st.caption(escape(one.record.verified.told if one.record else "Its export.json cannot be read."))
