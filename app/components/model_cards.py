"""What is known of one base model or adapter, in words and numbers with units."""

from collections.abc import Iterable, Mapping, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.lineage import Lineage
from backend.domain.model_facts import AdapterFacts, FolderFacts, Weights
from backend.domain.model_shelf import BaseModel
from backend.domain.run import Run
from backend.domain.run_results import Point

MOST_NAMED = 8
BESIDE = 3
UNKNOWN = "not known"


def model_card(model: BaseModel) -> None:
    """Everything about a base model but its buttons."""
    st.header(escape(model.title), anchor=False)
    st.code(model.id, language=None)
    _badges(model)
    if model.listed is not None:
        st.text(model.listed.summary)
    facts = model.facts
    if facts is not None:
        _facts(
            {
                "Architecture": facts.architecture or UNKNOWN,
                "Parameters": parameters(facts.weights),
                "Number format": facts.weights.number_format or UNKNOWN,
                "Size on disk": in_bytes(model.size_bytes or 0),
                "Context length": tokens(facts.context_length),
                "Vocabulary": tokens(facts.vocabulary_size),
                "Licence": model.licence,
                "Chat template": "yes" if facts.has_chat_template else "no",
                "Layers that methods go on": layers(facts.weights),
            }
        )
        st.caption("Folder")
        st.code(str(model.folder), language=None)
        _problems(facts.problems)
    elif model.listed is not None:
        size = f"{model.listed.parameters:,}, as the catalogue says" if model.listed.parameters else UNKNOWN
        _facts({"Parameters": size, "Licence": model.licence})
    if model.cached is not None and model.cached.num_unfinished:
        cached = model.cached
        st.warning(
            f"A download is not complete: {cached.num_unfinished:,} files, {in_bytes(cached.unfinished_bytes)} so far. "
            "The next run with this model goes on with it.",
            icon=":material/downloading:",
        )


def _badges(model: BaseModel) -> None:
    with st.container(horizontal=True):
        st.badge(model.home.value.capitalize(), icon=":material/folder:", color="gray")
        if model.folder is None:
            st.badge("Not downloaded yet", icon=":material/cloud_download:", color="blue")
        if model.facts is not None and model.facts.has_code:
            st.badge(
                "Brings its own code",
                icon=":material/code:",
                color="orange",
                help="It was not run. It runs in training and chat only if you trust it by its hash.",
            )
        if model.facts is not None and model.facts.quantized_by:
            st.badge(escape(f"Quantized by {model.facts.quantized_by}"), icon=":material/compress:", color="orange")


def adapter_card(name: str, folder: str, facts: FolderFacts | None, adapter: AdapterFacts | None, base: str) -> None:
    """An adapter, or the whole model that full fine-tuning made."""
    st.header(escape(name), anchor=False)
    st.code(folder, language=None)
    if adapter is not None:
        _facts(
            {
                "Method": adapter.method or UNKNOWN,
                "Rank": f"{adapter.rank:,}" if adapter.rank else "none",
                "Base model": adapter.base_model or base or UNKNOWN,
                "Trainable parameters": parameters(adapter.weights),
                "Number format": adapter.weights.number_format or UNKNOWN,
                "Size on disk": in_bytes(adapter.size_bytes),
                "Goes on": adapter.targets or UNKNOWN,
                "Dataset fingerprint": adapter.dataset_fingerprint or UNKNOWN,
            }
        )
        _problems(adapter.problems)
    elif facts is not None and facts.model is not None:
        made = facts.model
        _facts(
            {
                "Kind": "a whole model",
                "Base model": base or UNKNOWN,
                "Parameters": parameters(made.weights),
                "Number format": made.weights.number_format or UNKNOWN,
                "Size on disk": in_bytes(made.size_bytes),
            }
        )
        _problems(made.problems)
    else:
        st.caption("Its folder is being read.")


def lineage_lines(run: Run, line: Lineage) -> None:
    """Where it comes from and what was made from it, nearest first."""
    st.markdown("**Lineage**")
    here = run
    for ancestor in line.ancestors:
        assert here.origin is not None
        st.text(f"{here.name}: {here.origin.sentence()} That run is called {ancestor.name}.")
        here = ancestor
    if line.lost:
        st.text(f"{here.name} came from the run {line.lost}, which was deleted.")
    if here.origin is None:
        st.text(f"{here.name} began at step 0 from {here.base_model}, on {here.dataset}.")
    if line.descendants:
        st.text(f"Made from it: {_named(one.name for one in line.descendants)}.")


def metric_lines(points: Mapping[str, Point], tags: Sequence[str]) -> None:
    """Values with the steps at which they were measured."""
    with st.container(horizontal=True):
        for tag in tags:
            point = points[tag]
            st.metric(escape(tag), f"{point.value:.5g}", help=f"Measured at step {point.step:,}.", border=True)


def parameters(weights: Weights) -> str:
    """The count, or why there is none."""
    if weights.num_parameters is not None:
        return f"{weights.num_parameters:,}"
    if weights.is_packed:
        return "not told by packed weights"
    return "not known: weights are missing or damaged" if weights.num_missing else UNKNOWN


def tokens(number: int | None) -> str:
    """A number of tokens."""
    return UNKNOWN if number is None else f"{number:,} tokens"


def layers(weights: Weights) -> str:
    """The names that can be targets, with how often each is there."""
    return ", ".join(f"{name} ({count:,})" for name, count in weights.layers[:20]) or UNKNOWN


def _facts(facts: Mapping[str, str]) -> None:
    columns = st.columns(BESIDE)
    for place, (name, value) in enumerate(facts.items()):
        with columns[place % BESIDE], st.container(gap="xxsmall"):
            st.caption(name)
            st.text(value)


def _problems(problems: Sequence[str]) -> None:
    if problems:
        st.warning(escape("; ".join(problems)), icon=":material/warning:")


def _named(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - MOST_NAMED:,} more" if len(known) > MOST_NAMED else ""
    return ", ".join(known[:MOST_NAMED]) + more
