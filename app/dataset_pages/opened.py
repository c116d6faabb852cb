"""One dataset as its sections get it."""

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from app.session import show_in_widget, widget_value
from backend.data.choice import DatasetPart
from backend.data.row_table import RowTable
from backend.services.bundle import Services
from backend.services.dataset_desk import DatasetDesk
from backend.services.dataset_making import format_of
from backend.services.dataset_registry import Listed


@dataclass(frozen=True, slots=True)
class Opened:
    """The services, the dataset in the list, and its rows."""

    services: Services
    listed: Listed
    table: RowTable

    @property
    def desk(self) -> DatasetDesk:
        """Who answers."""
        return self.services.dataset_desk

    @property
    def part(self) -> DatasetPart:
        """How it is read."""
        return self.listed.part

    @property
    def named(self) -> DatasetPart:
        """The same with the name of its format. Raises DataError if it was not recognised."""
        return self.part.model_copy(update={"format": format_of(self.part, self.table).name})

    def name(self, source: int, number: int) -> int | str:
        """What a row is called."""
        sources = self.table.facts.sources
        return f"{sources[source]}:{number}" if len(sources) > 1 else number


def position() -> int:
    """The position of the row that the address names, from 0."""
    try:
        return max(0, int(st.query_params.get("row", "1")) - 1)
    except ValueError:
        return 0


def go_to(at: int, section: str | None = None) -> None:
    """Name a row, and perhaps a section, in the address; for callbacks."""
    st.query_params["row"] = str(at + 1)
    if section is not None:
        st.query_params["section"] = section


def row_input(opened: Opened, key: str) -> int:
    """A field for the position of a row; it is kept in the address."""
    last = max(0, len(opened.table) - 1)
    at = min(position(), last)
    st.number_input(
        "Row",
        min_value=1,
        max_value=last + 1,
        step=1,
        key=show_in_widget(key, at + 1),
        help="Counted from 1 over all rows of the dataset.",
        on_change=lambda: go_to(int(widget_value(key) or 1) - 1),
        width=140,
    )
    return at


def chosen(label: str, titles: Mapping[str, str], name: str, help_text: str) -> str:
    """A selectbox over the keys of `titles` whose value is in the address under `name`; the first key without one."""
    asked = st.query_params.get(name)
    now = asked if asked is not None and asked in titles else next(iter(titles))
    key = f"datasets-{name}"
    st.selectbox(
        label,
        list(titles),
        format_func=lambda value: titles.get(value, value),
        key=show_in_widget(key, now),
        help=help_text,
        on_change=lambda: st.query_params.update({name: str(widget_value(key))}),
    )
    return now
