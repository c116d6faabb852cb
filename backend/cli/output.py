"""How the command line prints: one JSON document, or text for people."""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.domain.incident import Incident

JSON_HELP = "Print one JSON document instead of text."
WIDEST_TABLE = 10_000  # characters: what reads from a pipe gets each row on one line


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    """One JSON document on standard output; NaN and infinities as strings, so that any reader takes it."""
    typer.echo(json.dumps(_finite(value), ensure_ascii=False, indent=2, default=_plain))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; cells are shown as they are, never as markup, and the first one is never cut: it can be copied."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, no_wrap=i == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in row))
    Console(width=None if is_terminal() else WIDEST_TABLE).print(table)


def print_error(incident: Incident, *, as_json: bool = False) -> None:
    """What happened, why, and what to do, on standard error."""
    explained = incident.error
    if as_json:
        typer.echo(json.dumps({"error": asdict(explained)}, ensure_ascii=False), err=True)
        return
    reference = f"  [{explained.id}] at {explained.at}; more: peft-studio explain {explained.id}"
    lines = (explained.what, f"  Why: {explained.why}", f"  Fix: {explained.fix}", reference)
    typer.echo("\n".join(lines), err=True)


def leave(code: int) -> NoReturn:
    """End the program with a documented exit code."""
    raise typer.Exit(code)


def is_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _finite(value: Any) -> Any:  # noqa: ANN401 - walks any JSON value
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def printable(text: str) -> str:
    """Text of foreign files for a terminal: what would move its cursor, or colour it, is spelt out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
