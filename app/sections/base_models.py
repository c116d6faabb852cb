"""The base models of this machine: a table, and what is known of the chosen one."""

import streamlit as st

from app.components.lazy import lazy_expander
from app.components.library_dialogs import delete_model_dialog, model_folders
from app.components.markdown_escape import escape
from app.components.model_cards import model_card
from app.components.model_table import model_table
from app.components.sizes import in_bytes
from app.links import open_view
from app.notices import attempt, say
from app.sections.hub_search import hub_search
from app.train_form import put_into_form
from app.watching import choose_in_address, watched
from backend.domain.model_facts import Home
from backend.domain.model_shelf import BaseModel
from backend.services.bundle import Services

MOST_NAMED = 4


def base_models(services: Services) -> None:
    """Drawn at once; what a slow disk has not told yet is waited for with progress."""
    library = services.models
    shelf = watched("Looking through folders", library.look, library.wait, lambda found: found.num_left)
    here = [model for model in shelf.models if model.home is not Home.CATALOGUE]
    with st.container(horizontal=True, vertical_alignment="center"):
        total = sum(model.size_bytes or 0 for model in here)
        noun = "model" if len(here) == 1 else "models"
        st.caption(f"{len(here):,} {noun} on this machine, {in_bytes(total)}")
        _places(services)
    if not here:
        st.info(
            "No base model is on this machine yet. The demo model is built by its first run; those of the catalogue "
            "are downloaded by their first run. If you have models in a folder, name it under Folders.",
            icon=":material/info:",
        )
    with lazy_expander("Search the hub", ":material/travel_explore:", "models-hub") as is_open:
        if is_open:
            hub_search(services, "model", "models", "Train with it", lambda model_id: _train(services, model_id))
    chosen = st.query_params.get("model")
    model_table(shelf.models, chosen, choose_in_address("model"))
    model = next((one for one in shelf.models if one.id == chosen), None)
    if model is not None:
        _one_model(services, model)
    elif chosen is not None:
        st.warning(f"There is no model {escape(chosen[:200])} here.", icon=":material/warning:")
    else:
        st.caption("Select a row to see what is known of a model, and to train, ask or delete it.")


def _places(services: Services) -> None:
    library = services.models
    st.space("stretch")
    model_folders(
        library.folders(),
        add=lambda path: attempt(_add_folder, services, path),
        remove=lambda folder: attempt(library.remove_folder, folder),
    )
    st.button("Look again", icon=":material/refresh:", key="models-again", on_click=library.look_again)


def _add_folder(services: Services, path: str) -> None:
    folder = services.models.add_folder(path)
    say(f"{folder} is looked through from now on.")


def _one_model(services: Services, model: BaseModel) -> None:
    with st.container(border=True, key="chosen-model"):
        model_card(model)
        if model.runs:
            names = [services.status.show(run_id).name for run_id in model.runs[:MOST_NAMED]]
            more = f" and {len(model.runs) - len(names):,} more" if len(model.runs) > len(names) else ""
            st.text(f"Runs that use it: {', '.join(names)}{more}")
        with st.container(horizontal=True):
            st.button(
                "Train with this model",
                icon=":material/model_training:",
                type="primary",
                key="model-train",
                on_click=_train,
                args=(services, model.id),
            )
            st.button(
                "Ask it in Chat",
                icon=":material/chat:",
                key="model-chat",
                disabled=not model.is_here,
                help=None if model.is_here else "Its weights are not on this machine, or not whole.",
                on_click=open_view,
                args=("chat",),
                kwargs={"model": model.id},
            )
            if model.folder is not None:
                _delete_model(services, model)


def _delete_model(services: Services, model: BaseModel) -> None:
    plan = services.models.removal(model.id)
    if st.button(
        "Delete",
        icon=":material/delete:",
        key="model-delete",
        disabled=bool(plan.refusal),
        help=escape(plan.refusal) or None,
    ):
        delete_model_dialog(plan, lambda model_id, for_good: attempt(_deleted, services, model_id, for_good))


def _deleted(services: Services, model_id: str, for_good: bool) -> None:
    place = services.models.delete(model_id, for_good=for_good)
    say(f"The model is now in {place}." if place else "The model was erased.")


def _train(services: Services, model_id: str) -> None:
    put_into_form(services, {"base_model.path": model_id})
    open_view("train")
