"""Rows that were cut into tokens once, kept in the cache for the next start."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import tokenizers
import transformers
from transformers import PreTrainedTokenizerBase

from backend.data.cache import kept, key_of
from backend.data.lazy import Examples
from backend.trainer.token_rows import TokenFile, TokenRows, open_tokens

Kept = TypeVar("Kept")
VERSION = 1  # to be raised with every change of the tokens that equal rows give
TABLE = "rows.arrow"


def kept_tokens(
    examples: Sequence[Any],
    tokenizer: PreTrainedTokenizerBase,
    settings: tuple[object, ...],
    fill: Callable[[TokenFile], None],
) -> TokenRows:
    """The token rows that `fill` writes, mapped from the cache if equal ones were written before.

    They are equal where the examples and their order, all that decides tokens, and the `settings` are; these begin
    with a name for what `fill` does. What `fill` raises is passed on, and nothing is kept then.
    """

    def write(folder: Path) -> dict[str, Any]:
        with TokenFile(folder) as file:
            fill(file)
        return {"rows": len(examples)}

    return _kept(examples, tokenizer, settings, write, open_tokens)


def kept_table(
    examples: Sequence[Any],
    tokenizer: PreTrainedTokenizerBase,
    settings: tuple[object, ...],
    make: Callable[[], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """The same for rows of several columns: lists of ids, flags, texts. They are read into memory."""

    def write(folder: Path) -> dict[str, Any]:
        table = pa.Table.from_pylist(make())
        with pa.OSFile(str(folder / TABLE), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        return {"rows": table.num_rows}

    def read(folder: Path) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pa.ipc.open_file(pa.memory_map(str(folder / TABLE))).read_all().to_pylist()
        return found

    return _kept(examples, tokenizer, settings, write, read)


def _kept(
    examples: Sequence[Any],
    tokenizer: PreTrainedTokenizerBase,
    settings: tuple[object, ...],
    write: Callable[[Path], dict[str, Any]],
    read: Callable[[Path], Kept],
) -> Kept:
    cutter = tokenizer_key(tokenizer)
    if not isinstance(examples, Examples) or examples.cache is None or cutter is None:
        return kept(None, "", write, lambda folder, _: read(folder))
    key = key_of(VERSION, examples.key, cutter, *settings)
    return kept(examples.cache / "tokens", key, write, lambda folder, _: read(folder))


def tokenizer_key(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """A digest of all that decides tokens: vocabulary, rules, special tokens, chat template, library versions.

    None for a tokenizer in Python, whose rules cannot be seen whole.
    """
    if not tokenizer.is_fast:
        return None
    return key_of(
        tokenizers.__version__,
        transformers.__version__,
        type(tokenizer).__name__,
        tokenizer.backend_tokenizer.to_str(),
        {name: str(token) for name, token in tokenizer.special_tokens_map.items()},
        tokenizer.chat_template,
    )
