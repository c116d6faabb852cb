"""Machine: hardware, dependencies, storage and start-up of this installation."""

import os
from functools import partial

import streamlit as st

from app.components.hardware_now import draw_hardware
from app.components.memory_line import free_memory, memory_line
from app.components.no_gpu import no_gpu
from app.components.sizes import in_bytes
from app.components.spare_line import spare_line
from app.components.startup_phases import draw_startup
from app.components.storage_use import draw_storage, empty_trash_dialog
from app.components.torch_says import torch_says
from app.frame import live
from app.notices import attempt, say
from app.remembered import dependencies, storage
from app.sections.dependencies import dependencies_section, dependency_progress, is_at_work
from backend.domain.gpu_owners import program_owners
from backend.services.bundle import Services
from backend.services.cuda_truth import Asking

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
    history = services.hardware.history()
    no_gpu(history[-1], services.dependencies.check_cuda().error or "")
    draw_hardware(history, program_owners(history[-1], services.status.active, os.getpid()))
    torch_says(_asking(services), partial(attempt, _ask_torch, services))
    st.caption(memory_line(services.memory.use()))
    free_memory(partial(attempt, _free_memory, services))
    st.caption(spare_line(services.spare.state(), services.spare.size_bytes()))


def _asking(services: Services) -> Asking:
    """Where there is a GPU for a torch that could use it, torch is asked without a click."""
    found = services.cuda_truth.state()
    is_waiting = found.is_open and found.truth is None and found.error is None
    return services.cuda_truth.ask() if is_waiting else found


def _free_memory(services: Services) -> None:
    freed = services.memory.free()
    say(f"Caches were cleared and unused models unloaded; {in_bytes(freed)} of memory became free.")


def _ask_torch(services: Services) -> None:
    services.cuda_truth.ask(again=True)
    dependencies.clear()


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
