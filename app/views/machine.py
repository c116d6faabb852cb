"""Machine: hardware, dependencies, storage and start-up of this installation."""

import streamlit as st

from app.components.hardware_now import draw_hardware
from app.components.memory_line import memory_line
from app.components.sizes import in_bytes
from app.components.spare_line import spare_line
from app.components.startup_phases import draw_startup
from app.components.storage_use import draw_storage, empty_trash_dialog
from app.frame import live
from app.notices import attempt, say
from app.remembered import storage
from app.sections.dependencies import dependencies_section, dependency_progress, is_at_work
from backend.services.bundle import Services

REFRESH_SECONDS = 2.0


def render(services: Services) -> None:
    """Four sections; only the hardware is measured again while the page is open."""
    st.title("Machine", anchor=False)
    st.header("Hardware", anchor=False)
    live(_hardware, REFRESH_SECONDS, "machine-hardware")(services, is_at_work(services))
    dependencies_section(services)
    _storage(services)
    st.header("Start-up of the dashboard", anchor=False)
    draw_startup(services.startup.status())


def _hardware(services: Services, was_at_work: bool) -> None:
    """Also what was started further down: the page has one timer."""
    dependency_progress(services, was_at_work)
    draw_hardware(services.hardware.history())
    st.caption(memory_line(services.memory.use()))
    st.caption(spare_line(services.spare.state(), services.spare.size_bytes()))


def _storage(services: Services) -> None:
    st.header("Storage", anchor=False)
    folders = storage(services)
    draw_storage(services.hardware.snapshot().disk, folders)
    trash = next(folder for folder in folders if folder.name == "Trash")
    if trash.num_files and st.button("Empty the trash", icon=":material/delete_forever:", key="machine-trash"):
        empty_trash_dialog(trash, lambda: attempt(_empty_trash, services))


def _empty_trash(services: Services) -> None:
    try:
        size = services.trash.empty()
    finally:
        services.storage.forget()
    say(f"The trash was emptied; {in_bytes(size)} became free.")
