"""A list of runs as CSV for other programs. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from backend.domain.csv_cells import csv_cell
from backend.domain.curve_export import spelt
from backend.domain.run_columns import NOTHING, Cell, cell
from backend.domain.run_finding import AllFacts
from backend.domain.run_view import RunView


def runs_csv(views: Iterable[RunView], facts: AllFacts, columns: Sequence[str]) -> str:
    """A line for each run: id and name, then the columns; times as UTC ISO-8601, numbers as exact as they are."""
    wanted = ("id", "name", *(column for column in columns if column not in ("id", "name")))
    lines = [",".join(csv_cell(column) for column in wanted)]
    for view in views:
        cells = (cell(view, facts.get(view.id, NOTHING), column) for column in wanted)
        lines.append(",".join(_text(one) for one in cells))
    return "\n".join(lines) + "\n"


def _text(value: Cell) -> str:
    match value:
        case None:
            return ""
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 2**53 else spelt(value)
        case datetime():
            return value.isoformat()
        case _:
            return csv_cell(value)
