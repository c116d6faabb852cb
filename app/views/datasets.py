"""Datasets: all of them, and one opened: its rows, tokens, findings and versions, and what can be made of it."""

from collections.abc import Callable

import streamlit as st

from app.components.dataset_list import dataset_list
from app.components.dataset_sources import OFFLINE, Adding, hub_form, path_form, upload_form
from app.components.error_box import error_box
from app.components.job_box import answer_of, is_awaited, job_boxes, take_awaited
from app.components.lazy import lazy_expander
from app.components.markdown_escape import escape
from app.components.page_watch import page_watch
from app.components.sizes import in_bytes
from app.dataset_pages import doctor, making, rows, tokens, versions
from app.dataset_pages.opened import Opened
from app.frame import live
from app.links import open_view
from app.marks import MarkKind, mark_of
from app.notices import attempt, draw_again, say
from app.sections.hub_search import hub_search
from app.session import count, count_up, show_in_widget, widget_value
from backend.data.row_table import RowTable
from backend.errors import DataError, StorageError
from backend.services.bundle import Services
from backend.services.dataset_desk import DatasetFacts
from backend.services.dataset_errors import DatasetNotListed
from backend.services.dataset_registry import Kind, Listed

UPLOADS, SECTION = "datasets-uploads", "datasets-section"
SECTIONS: dict[str, tuple[str, Callable[[Opened], None]]] = {
    "rows": ("Rows", rows.draw),
    "tokens": ("Tokens", tokens.draw),
    "doctor": ("Doctor", doctor.draw),
    "versions": ("Versions", versions.draw),
    "make": ("Split and mix", making.draw),
}


def render(services: Services) -> None:
    """The dataset of ?dataset=PATH, or all of them."""
    take_awaited()
    path = st.query_params.get("dataset")
    place = st.container()
    if path:
        _one(services, path)
    else:
        _all(services)
    with place:
        _work(services)


def _work(services: Services) -> None:
    """What goes on beside the page."""
    running = tuple(key for key, _ in services.dataset_desk.jobs.running())
    if take_awaited() and not running:
        draw_again()  # it ended while the page was drawn
    live(_working, None, "datasets-work")(services, running)


def _working(services: Services, drawn: tuple[object, ...]) -> None:
    mark = mark_of(services, MarkKind.JOBS)
    running = services.dataset_desk.jobs.running()
    if any(key not in [key for key, _ in running] for key in drawn):
        draw_again()
    job_boxes(running)
    if running:
        page_watch(MarkKind.JOBS, mark.text)


def _all(services: Services) -> None:
    st.title("Datasets", anchor=False)
    desk = services.dataset_desk
    listed = desk.registry.list()
    if unread := desk.unread([one.part for one in listed]):
        is_awaited(desk.read_all(unread))
    with st.container(border=True, key="datasets-add"):
        upload, path, hub = st.tabs(["Upload", "File or folder on this machine", "Hugging Face hub"])
        adding = _adding(services)
        with upload:
            upload_form(adding, services.datasets.max_bytes, f"datasets-upload-{count(UPLOADS)}")
        with path:
            path_form(adding)
        with hub:
            hub_form(adding, is_offline=desk.is_hub_offline)
            with lazy_expander("Search the hub", ":material/travel_explore:", "datasets-search") as is_open:
                if is_open:
                    put = "Put it on the list"
                    hub_search(services, "dataset", "datasets", put, lambda name: adding.register(f"hub:{name}"))
    if all(one.kind is Kind.SAMPLE for one in listed):
        st.info(
            "None of your own yet: upload a file or point to one. These samples ship with the studio, to try things.",
            icon=":material/dataset:",
        )
    facts = [desk.facts(one.part) for one in listed]
    uses = services.dataset_desk.versions.counts()
    dataset_list(listed, facts, [uses.get(one.path, 0) for one in listed], _open)


def _adding(services: Services) -> Adding:
    def upload(key: str) -> None:
        files = widget_value(key) or []
        count_up(UPLOADS)
        kept = []
        for file in files:
            attempt(lambda file=file: kept.append(services.datasets.upload(file.name, file)))
        for one in kept:
            there = " was there already: the same content is kept once" if one.was_there else " was taken"
            say(f"{one.name}{there}.")
        if len(kept) == len(files) == 1:
            _open(kept[0].path)

    def register(path: str, **hub: str | None) -> None:
        _open(services.dataset_desk.registry.add(path, **hub))

    return Adding(upload, lambda path, **hub: attempt(lambda: register(path, **hub)))


def _open(path: str) -> None:
    open_view("datasets", dataset=path)


def _one(services: Services, path: str) -> None:
    st.button("All datasets", icon=":material/arrow_back:", type="tertiary", key="datasets-back", on_click=_back)
    try:
        listed = services.dataset_desk.registry.find(path)
    except DatasetNotListed as error:
        st.title("Datasets", anchor=False)
        _not_listed(services, error, path)
        return
    st.title(escape(listed.name), anchor=False)
    st.caption(escape(f"{listed.kind.value}: {path}"))
    try:
        table = _rows(services, listed)
    except (DataError, StorageError) as error:
        error_box(error.explain())
        _buttons(services, listed)
        return
    if table is None:
        _buttons(services, listed)
        return
    _facts(services.dataset_desk.facts(listed.part))
    _buttons(services, listed)
    SECTIONS[_section()][1](Opened(services, listed, table))


def _section() -> str:
    """The section in the address, which follows the control."""
    asked = st.query_params.get("section", "")
    now = asked if asked in SECTIONS else next(iter(SECTIONS))
    st.segmented_control(
        "Section",
        list(SECTIONS),
        format_func=lambda name: SECTIONS[name][0],
        required=True,
        key=show_in_widget(SECTION, now),
        label_visibility="collapsed",
        on_change=lambda: st.query_params.update(section=str(widget_value(SECTION) or now)),
    )
    return now


def _rows(services: Services, listed: Listed) -> RowTable | None:
    """The rows, or None while they are not here, which is said."""
    desk = services.dataset_desk
    if listed.part.hub_id is not None:
        return _of_hub(services, listed)
    found = desk.open(listed.part)
    if isinstance(found, RowTable):
        return found
    answer = answer_of(found, lambda: desk.open(listed.part), "open")
    return answer if isinstance(answer, RowTable) else None


def _of_hub(services: Services, listed: Listed) -> RowTable | None:
    desk, part = services.dataset_desk, listed.part
    table = desk.tables.at_hand(part)
    job = desk.jobs.of(desk.key("fetch", part))
    if table is not None and (job is None or not job.is_running):
        return table
    if desk.is_hub_offline:
        st.info(
            OFFLINE,
            icon=":material/cloud_off:",
        )
    named = ", ".join(f"{name} {value}" for name in ("subset", "split", "revision") if (value := getattr(part, name)))
    st.caption(escape(named or "The split train, at its newest commit."))
    answer_of(job, lambda: desk.fetch(part), "fetch")
    if job is None or not job.is_running:
        st.button(
            "Load from the hub",
            type="primary",
            icon=":material/cloud_download:",
            key="datasets-fetch",
            on_click=attempt,
            args=(desk.fetch, part),
            help="Fetched into the hub's cache on this machine, by a program of its own; nothing of it is run.",
        )
    return None


def _facts(facts: DatasetFacts) -> None:
    with st.container(horizontal=True, key="dataset-facts"):
        st.badge(f"{facts.num_rows or 0:,} rows", icon=":material/table_rows:", color="gray")
        st.badge(f"format {escape(facts.format) or 'not recognised'}", icon=":material/category:", color="gray")
        st.badge(in_bytes(facts.size_bytes or 0), icon=":material/description:", color="gray")
        st.badge(f"fingerprint {facts.fingerprint[:12]}", icon=":material/fingerprint:", color="gray")
        if facts.num_problems:
            st.badge(f"not readable: {facts.num_problems:,}", icon=":material/error:", color="red")


def _buttons(services: Services, listed: Listed) -> None:
    with st.container(horizontal=True):
        st.button(
            "Train with this dataset",
            type="primary",
            icon=":material/model_training:",
            key="datasets-train",
            on_click=making.train_with,
            args=(services, making.as_choice(listed.part)),
        )
        if listed.kind in (Kind.FILE, Kind.FOLDER, Kind.HUB):
            st.button(
                "Take off the list",
                icon=":material/playlist_remove:",
                key="datasets-remove",
                help="Its files stay as they are.",
                on_click=attempt,
                args=(_remove, services, listed),
            )


def _remove(services: Services, listed: Listed) -> None:
    services.dataset_desk.registry.remove(listed.path)
    say(f"{listed.name} is no more on the list; its files are as they were.")
    _back()


def _back() -> None:
    open_view("datasets")


def _not_listed(services: Services, error: DatasetNotListed, path: str) -> None:
    error_box(error.explain())
    st.button(
        "Put it on the list",
        icon=":material/playlist_add:",
        key="datasets-register",
        help="Nothing of it is read before that.",
        on_click=attempt,
        args=(lambda: _open(services.dataset_desk.registry.add(path)),),
    )
