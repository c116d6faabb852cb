"""What event files hold besides curves: texts, histograms and pictures, one record at a time."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import streamlit as st

from app.components.error_box import warning_box
from backend.domain.curve_records import Histogram, Image, Record, Text
from backend.domain.curves import Kind, Other, Place
from backend.errors import StudioError

SHOWN = {Kind.TEXT: "Text", Kind.HISTOGRAM: "Histogram", Kind.IMAGE: "Picture"}
MOST_STRINGS = 50
MAX_SIDE = 4_096  # pixels of a picture that a browser is made to decode
MAX_PICTURES = 12
HEIGHT_PIXELS = 260


@dataclass(frozen=True, slots=True)
class Found:
    """All records of one tag of one source."""

    label: str
    source: str
    other: Other


def other_records(found: Sequence[Found], read: Callable[[str, Other, Place], Record]) -> None:
    """Choose a tag and a step; only the record that is looked at is read."""
    names = [f"{SHOWN[one.other.kind]}: {one.other.tag}, {one.label}" for one in found]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        number = st.selectbox(
            "Tag", range(len(found)), format_func=lambda i: names[i], key=f"records-{hash(tuple(names))}"
        )
        chosen = found[number or 0]
        place = chosen.other.places[-1]
        if len(chosen.other.places) > 1:
            num_records = len(chosen.other.places)
            key = f"records-step-{hash((chosen.source, chosen.other.tag))}"
            at = st.slider(f"Record, of {num_records:,}", 1, num_records, num_records, key=key, width=320)
            place = chosen.other.places[min(at, num_records) - 1]
    st.caption(f"Step {place.step:,}")
    try:
        _draw(read(chosen.source, chosen.other, place), f"{chosen.other.tag} at step {place.step:,}")
    except StudioError as error:
        warning_box(error.explain())


def _draw(record: Record, told: str) -> None:
    """Foreign text is never markup, and pictures are decoded by the browser only."""
    match record:
        case Text():
            for text in record.strings[:MOST_STRINGS]:
                st.text(text)
            if len(record.strings) > MOST_STRINGS:
                st.caption(f"The first {MOST_STRINGS} of {len(record.strings):,} texts.")
        case Histogram():
            _histogram(record, told)
        case tuple():
            for image in record[:MAX_PICTURES]:
                _picture(image, told)
        case _:
            st.caption("Records of this kind are not shown.")


def _picture(image: Image, alt: str) -> None:
    if max(image.width, image.height) > MAX_SIDE:
        st.caption(f"A picture of {image.width:,} x {image.height:,} pixels is not shown.")
        return
    size = f"{image.width} x {image.height} pixels"
    encoded = base64.b64encode(image.encoded).decode("ascii")
    st.image(f"data:{image.media_type};base64,{encoded}", caption=size, alt=alt)


def _histogram(record: Histogram, told: str) -> None:
    table = pa.table({"from": record.lefts, "to": record.rights, "count": record.counts})
    chart = {
        "mark": {"type": "bar"},
        "height": HEIGHT_PIXELS,
        "encoding": {
            "x": {"field": "from", "type": "quantitative", "title": "value"},
            "x2": {"field": "to"},
            "y": {"field": "count", "type": "quantitative"},
            "tooltip": [{"field": name, "type": "quantitative"} for name in ("from", "to", "count")],
        },
    }
    st.vega_lite_chart(table, chart, alt=f"Histogram of {int(record.counts.sum()):,} values, {told}")
