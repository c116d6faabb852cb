"""What a question to the doctor is made of: the model, the recipe, the lengths; all of it in the address."""

import streamlit as st

from app.dataset_pages.opened import Opened, chosen
from backend.data.choice import DatasetChoice
from backend.data.row_table import KeptRow, as_json
from backend.domain.data_report import DataOrder, GivenRow
from backend.domain.run_config import BaseModelChoice
from backend.recipes import Recipe
from backend.spec import members

USUAL = "usual"
DEFAULT_LENGTH, DEFAULT_BATCH = 1024, 4
BLOCK_BATCHES = 8
MAX_ROW_BYTES = 200_000  # some ten thousand tokens: more is nothing to look at


def question(opened: Opened, *, needs_model: bool) -> DataOrder | None:
    """The order as the fields say, None where there is no model to cut text into tokens; they are drawn here."""
    models = {each.path: each.title for each in opened.desk.tokenizers.list()}
    if needs_model and not models:
        st.info(
            "There is no base model on this machine yet whose tokenizer could be used. The demo model is made by the "
            "first demo run; others come with a run, or by downloading them.",
            icon=":material/model_training:",
        )
        return None
    if not needs_model:
        models[""] = "none: look at texts only"
    recipes = {spec.spec_name(): spec.card.title for spec in members(Recipe) if spec.spec_name() != "grpo"}
    with st.grid(4, min_column_width=150):
        model = chosen("Base model", models, "model", "Its tokenizer cuts the text. Nothing is fetched for it.")
        recipe = chosen(
            "Recipe",
            {USUAL: "The usual one for these rows", **recipes},
            "recipe",
            "What is optimised decides which tokens are learned.",
        )
        length = _number("Longest row (tokens)", "length", DEFAULT_LENGTH, 8, 1_000_000)
        batch = _number("Rows in a batch", "batch", DEFAULT_BATCH, 1, 64)
    return DataOrder.model_validate(
        {
            "folder": "/",
            "dataset": DatasetChoice(**opened.part.model_dump()),
            "base_model": BaseModelChoice(path=model) if model else None,
            "recipe": None if recipe == USUAL else {"name": recipe},
            "max_length": length,
            "batch_size": batch,
        }
    )


def with_rows(opened: Opened, order: DataOrder, at: int) -> DataOrder:
    """The same for a block of batches, the one in which a position is among them, so that its neighbours cost nothing.

    Rows that cannot be read, or are very long, are left out. Raises DataError if their format is not known.
    """
    size = order.batch_size * BLOCK_BATCHES
    rows = [row for row in opened.table.rows(at - at % size, size) if is_shown(row)]
    given = tuple(GivenRow(place=opened.name(row.source, row.number), fields=dict(row.fields)) for row in rows)
    return order.model_copy(update={"dataset": DatasetChoice(**opened.named.model_dump()), "given": given})


def is_shown(row: KeptRow) -> bool:
    """Whether the microscope takes a row."""
    return not row.problem and len(as_json(row.fields)) <= MAX_ROW_BYTES


def _number(label: str, key: str, default: int, low: int, high: int) -> int:
    value = st.number_input(label, low, high, default, step=1, key=key, bind="query-params")
    return int(value)
