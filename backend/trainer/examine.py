"""The program of the data doctor: reads an order from its input, writes one JSON document, and ends.

Usage: python -m backend.trainer.examine < order.json. The document is {"report": ...}, or {"error": ...,
"exit_code": ...}; lines {"progress": ...} come before it. Whatever libraries print goes to standard error.
Exit codes: 0, or that of the error.
"""

import sys
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from backend.domain.data_report import DataOrder, RowsOrder
from backend.executors.heap import importing_for_good
from backend.trainer.one_answer import Say, answer_one

ORDER: TypeAdapter[DataOrder | RowsOrder] = TypeAdapter(Annotated[DataOrder | RowsOrder, Field(discriminator="kind")])
PROCESSOR_SECONDS = 900  # of this process; each row has a limit of its own in its child


def main() -> int:
    """Examine what the first line of the input orders; the exit code."""
    return answer_one(ORDER, _answer, PROCESSOR_SECONDS)


def _answer(order: DataOrder | RowsOrder, say: Say) -> dict[str, object]:
    return {"report": _fetched(order, say) if isinstance(order, RowsOrder) else _examined(order, say)}


def _examined(order: DataOrder, say: Say) -> object:
    say("Loading the libraries of the tokenizer.")
    with importing_for_good():
        from backend.trainer.examination import examine  # noqa: PLC0415 - seconds of imports

    return examine(order, say=say).model_dump(mode="json")


def _fetched(order: RowsOrder, say: Say) -> object:
    from backend.data.row_keeping import keep_rows  # noqa: PLC0415 - only for this order
    from backend.data.sources import sources  # noqa: PLC0415

    say(f"Asking the hub for {order.dataset.path}.")
    found = sources(order.dataset, Path("/"), may_fetch=True)
    keep_rows(found, Path(order.target), lambda count: say(f"Reading: {count:,} rows so far."))
    return order.target


if __name__ == "__main__":
    sys.exit(main())
