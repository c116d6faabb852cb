"""The mask microscope: tokens in colours and signs, with words for screen readers."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st

from backend.domain.data_report import RowLook, Token, TokenState

ASSETS = Path(__file__).parents[1] / "assets" / "tokens"
MAX_TOKENS = 20_000  # drawn at a time; a browser takes half a second for so many
MEANINGS = {
    TokenState.TRAINED: "trained on: counts in the loss",
    TokenState.MASKED: "context: read, not learned",
    TokenState.TRUNCATED: "cut off: never seen",
    TokenState.PADDING: "padding: fills the batch",
}
SPECIAL = "special: a control token, in any of these states"


def token_view(rows: Sequence[RowLook], key: str, *, with_ids: bool) -> None:
    """Draw rows; of very long ones the beginning, which is then said."""
    told, left = [], MAX_TOKENS
    for row in rows:
        tokens = row.tokens[:left]
        left -= len(tokens)
        told.append({"title": _title(row), "tokens": [_told(token) for token in tokens]})
    legend = [[state.value, words] for state, words in MEANINGS.items()] + [["special", SPECIAL]]
    _component()(data={"rows": told, "legend": legend, "with_ids": with_ids}, key=key)
    if left == 0:
        st.caption(f"The first {MAX_TOKENS:,} tokens are drawn; the table below has all of them.")


def counts(row: RowLook) -> dict[str, int]:
    """How many tokens are in each state, and how many are special."""
    found = Counter(token.state for token in row.tokens)
    return {state.value: found[state] for state in TokenState} | {
        "special": sum(token.is_special and token.state is not TokenState.PADDING for token in row.tokens)
    }


def _title(row: RowLook) -> str:
    side = f", {row.side}" if row.side else ""
    told = counts(row)
    padding = f", {told['padding']:,} padding" if told["padding"] else ""
    cut = f", {told['truncated']:,} cut off" if told["truncated"] else ""
    num_real = len(row.tokens) - told["padding"]
    return f"Row {row.number}{side}: {num_real:,} tokens, {told['trained']:,} trained on{cut}{padding}"


def _told(token: Token) -> list[object]:
    return [token.id, token.text, token.state.value, token.is_special]


@cache
def _component() -> Any:  # noqa: ANN401 - Streamlit's renderer
    js, css = ((ASSETS / name).read_text(encoding="utf-8") for name in ("tokens.js", "tokens.css"))
    return st.components.v2.component("studio_tokens", js=js, css=css)
