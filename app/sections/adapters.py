"""The adapters that runs have made, with their lineage, and foreign ones."""

import streamlit as st

from app.components.lazy import lazy_expander
from app.components.model_cards import adapter_card, lineage_lines, metric_lines
from app.components.model_table import adapter_table
from app.links import open_view
from app.sections.exports import still_exports
from app.watching import choose_in_address, watched
from backend.domain.model_facts import AdapterFacts
from backend.domain.run_results import metric_order
from backend.services.adapter_library import RunAdapter
from backend.services.bundle import Services

MOST_METRICS = 4
MOST_COMPARED = 10


def adapters(services: Services) -> None:
    """Those of runs first, newest first."""
    views = services.status.list()
    library = services.adapters
    made = watched("Reading adapters", lambda: library.look(views), library.wait, lambda found: found.num_left)
    models = services.models
    shelf = watched("Looking through folders", models.look, models.wait, lambda found: found.num_left)
    foreign = {str(one.folder): one.facts for one in shelf.adapters}
    if not made.rows and not foreign:
        st.info(
            "No adapter yet. A run writes one at its end; folders with adapters of other programs can be named among "
            "the base models, under Folders.",
            icon=":material/info:",
        )
        return
    chosen = st.query_params.get("model")
    adapter_table(made.rows, foreign, chosen, choose_in_address("model"))
    own = next((one for one in made.rows if f"run:{one.run.id}" == chosen), None)
    if own is not None:
        _one_adapter(services, own)
    elif chosen in foreign:
        _foreign_adapter(chosen, foreign[chosen])
    else:
        st.caption("Select a row to see where an adapter comes from, and to ask it, compare it or train it further.")


def _one_adapter(services: Services, one: RunAdapter) -> None:
    run = one.run
    with st.container(border=True, key="chosen-adapter"):
        folder = str(one.facts.path if one.facts else run.run_dir)
        adapter_card(run.name, folder, one.facts, one.facts.adapter if one.facts else None, run.base_model)
        points = services.adapters.metrics(run)
        tags = metric_order(points)[:MOST_METRICS]
        if tags:
            metric_lines(points, tags)
        line = services.adapters.line(run)
        lineage_lines(run, line)
        with st.container(horizontal=True):
            _to("Ask in Chat", ":material/chat:", "chat", run=run.id)
            _to("Train further", ":material/call_split:", "models", section="checkpoints", run=run.id)
            beside = [run.id, *(other.id for other in (*line.ancestors, *line.descendants))]
            _to("Compare", ":material/compare_arrows:", "compare", runs=beside[:MOST_COMPARED])
            _to("Open in Monitor", ":material/monitoring:", "monitor", run=run.id)
    with lazy_expander("Exports", ":material/output:", "adapter-exports") as is_open:
        if is_open:
            still_exports(services, run.id, "models")


def _foreign_adapter(folder: str, facts: AdapterFacts) -> None:
    with st.container(border=True, key="chosen-adapter"):
        adapter_card(folder.rpartition("/")[2], folder, None, facts, facts.base_model)
        st.caption("No run of this workspace made it, so nothing more is known of where it comes from.")


def _to(label: str, icon: str, view: str, **query: str | list[str]) -> None:
    st.button(label, icon=icon, key=f"adapter-to-{view}", on_click=open_view, args=(view,), kwargs=query)
