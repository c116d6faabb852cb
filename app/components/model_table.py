"""Base models, adapters and checkpoints as tables in which one row can be chosen."""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
import streamlit as st

from app.components.size_column import size_column
from app.session import widget_value
from backend.domain.checkpoint_rows import CheckpointRow
from backend.domain.model_facts import AdapterFacts
from backend.domain.model_shelf import BaseModel
from backend.services.adapter_library import RunAdapter

HEIGHT_PIXELS, MAX_ROWS_WHOLE = 400, 9
Choose = Callable[[str | None], None]
_PARAMETERS = st.column_config.NumberColumn(
    "Parameters", format="localized", width=115, help="Exact, from the headers of the weight files."
)


def model_table(models: Sequence[BaseModel], chosen: str | None, choose: Choose) -> None:
    """A row for each base model; `choose` is called with the id of the row that is clicked, None for none."""
    facts = [model.facts for model in models]
    size = size_column("Size", [model.size_bytes for model in models])
    table = pa.table(
        {
            "Model": [model.title for model in models],
            "Where": [model.home.value for model in models],
            "parameters": pa.array([_parameters(model) for model in models], pa.int64()),
            "Number format": [one.weights.number_format if one else None for one in facts],
            "size": size.numbers,
            "context": pa.array([one.context_length if one else None for one in facts], pa.int64()),
            "Licence": [model.licence for model in models],
            "runs": pa.array([len(model.runs) for model in models], pa.int64()),
            "Architecture": [one.architecture if one else None for one in facts],
            "template": pa.array([one.has_chat_template if one else None for one in facts], pa.bool_()),
            "Remarks": [remark(model) for model in models],
        }
    )
    config = {
        "parameters": _PARAMETERS,
        "size": size.config,
        "context": st.column_config.NumberColumn("Context", format="localized", width=75, help="In tokens."),
        "template": st.column_config.CheckboxColumn("Chat template", width=100),
        "runs": st.column_config.NumberColumn("Runs", width=60, help="Runs of this workspace that use it."),
        "Model": st.column_config.TextColumn(pinned=True),
    }
    _table("models", table, [model.id for model in models], chosen, choose, config, "base models")


def adapter_table(
    runs: Sequence[RunAdapter], foreign: Mapping[str, AdapterFacts], chosen: str | None, choose: Choose
) -> None:
    """Adapters and whole models that runs made, then foreign ones by their folder."""
    facts = [*(one.facts.adapter if one.facts else None for one in runs), *foreign.values()]
    whole = [one.facts.model if one.facts else None for one in runs] + [None] * len(foreign)
    weights = [
        adapter.weights if adapter else model.weights if model else None
        for adapter, model in zip(facts, whole, strict=True)
    ]
    sizes = [
        adapter.size_bytes if adapter else model.size_bytes if model else None
        for adapter, model in zip(facts, whole, strict=True)
    ]
    size = size_column("Size", sizes)
    table = pa.table(
        {
            "Adapter": [one.run.name for one in runs] + [key.rpartition("/")[2] for key in foreign],
            "Method": [one.run.method for one in runs] + [one.method for one in foreign.values()],
            "rank": pa.array([one.rank if one else None for one in facts], pa.int64()),
            "Base model": [one.run.base_model for one in runs] + [one.base_model for one in foreign.values()],
            "parameters": pa.array([one.num_parameters if one else None for one in weights], pa.int64()),
            "size": size.numbers,
            "made": pa.array(
                [one.run.created_at for one in runs] + [None] * len(foreign), pa.timestamp("ms", tz="UTC")
            ),
            "Made by": [one.run.id for one in runs] + [None] * len(foreign),
        }
    )
    config = {
        "rank": st.column_config.NumberColumn("Rank", width=60),
        "parameters": st.column_config.NumberColumn(
            "Trainable parameters", format="localized", help="Exact, from the header of the adapter's weights."
        ),
        "size": size.config,
        "made": st.column_config.DatetimeColumn("Run created", format="distance"),
        "Adapter": st.column_config.TextColumn(pinned=True),
    }
    ids = [*(f"run:{one.run.id}" for one in runs), *foreign]
    _table("adapters", table, ids, chosen, choose, config, "adapters")


def checkpoint_table(rows: Sequence[CheckpointRow], tags: Sequence[str], chosen: str | None, choose: Choose) -> None:
    """Checkpoints, newest first, with what was measured at or before the step of each."""
    size = size_column("Size", [row.found.size_bytes for row in rows])
    shared = "Without what forks share with it on the disk."
    freed = size_column("Frees", [row.found.freed_bytes for row in rows], shared)
    columns: dict[str, pa.Array | list[str]] = {
        "step": pa.array([row.step for row in rows], pa.int64()),
        "Marks": [marks(row) for row in rows],
        "size": size.numbers,
        "freed": freed.numbers,
        "written": pa.array([row.found.written_at for row in rows], pa.timestamp("ms", tz="UTC")),
    }
    for tag in tags:
        points = [row.metrics.get(tag) for row in rows]
        columns[tag] = pa.array([point.value if point and point.is_finite else None for point in points], pa.float64())
    config = {
        "step": st.column_config.NumberColumn("Step", format="localized", pinned=True),
        "size": size.config,
        "freed": freed.config,
        "written": st.column_config.DatetimeColumn("Written", format="distance"),
        **{
            tag: st.column_config.NumberColumn(format="%.5g", help="The newest value at or before that step.")
            for tag in tags
        },
    }
    ids = [str(row.step) for row in rows]
    _table("checkpoints", pa.table(columns), ids, chosen, choose, config, "checkpoints")


def marks(row: CheckpointRow) -> str:
    """What is special about a checkpoint, in words."""
    words = [word for word, is_so in (("best", row.is_best), ("last", row.is_last)) if is_so]
    return ", ".join(words if row.found.is_sealed else ["not finished"])


def remark(model: BaseModel) -> str:
    """What a person should know of a model before using it, in a few words."""
    if model.facts is None and model.cached is None:
        return "not downloaded yet" if model.folder is None else "being read"
    told = []
    if model.cached is not None and model.cached.num_unfinished:
        told.append("download not finished")
    if model.facts is None or not model.facts.weights.num_files:
        told.append("no weights here")
    if model.facts is not None:
        told += ["own code"] if model.facts.has_code else []
        told += [f"quantized by {model.facts.quantized_by}"] if model.facts.quantized_by else []
        told += model.facts.problems[:1] if model.facts.weights.num_files else []
    return "; ".join(told)


def _parameters(model: BaseModel) -> int | None:
    if model.facts is not None and model.facts.weights.num_parameters is not None:
        return model.facts.weights.num_parameters
    return model.listed.parameters if model.listed and model.folder is None else None


def _table(
    name: str,
    table: pa.Table,
    ids: Sequence[str],
    chosen: str | None,
    choose: Choose,
    config: Mapping[str, object],
    what: str,
) -> None:
    """A table whose selected row is the chosen id; when rows come or go it begins anew with the chosen one."""
    key = f"{name}-table-{hash(tuple(ids))}"

    def picked() -> None:
        state = widget_value(key)
        rows = state["selection"]["rows"] if state else []
        choose(ids[rows[0]] if rows and rows[0] < len(ids) else None)

    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height=HEIGHT_PIXELS if len(ids) > MAX_ROWS_WHOLE else "auto",
        column_config=config,  # type: ignore[arg-type]  # a mapping of column types
        on_select=picked,
        selection_mode="single-row",
        placeholder="",
        selection_default={"selection": {"rows": [ids.index(chosen)]}} if chosen in ids else None,
        alt=f"{len(ids)} {what}",
    )
