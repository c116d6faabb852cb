"""The program of the data doctor: reads an order from its input, writes one JSON document, and ends.

Usage: python -m backend.trainer.examine < order.json. The document is {"report": ...}, or {"error": ...,
"exit_code": ...}; lines {"progress": ...} come before it. Whatever libraries print goes to standard error.
Exit codes: 0, or that of the error.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from backend.domain.data_report import DataOrder, RowsOrder
from backend.errors import EXIT_USAGE, StudioError
from backend.executors.heap import importing_for_good

Say = Callable[[str], None]
ORDER: TypeAdapter[DataOrder | RowsOrder] = TypeAdapter(Annotated[DataOrder | RowsOrder, Field(discriminator="kind")])
PROCESSOR_SECONDS = 900  # of this process; each row has a limit of its own in its child


def main() -> int:
    """Examine what the first line of the input orders; the exit code."""
    output = os.dup(1)
    os.dup2(2, 1)
    _limit_processor()
    try:
        order = ORDER.validate_json(sys.stdin.readline())
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    with os.fdopen(output, "w", encoding="ascii") as file:

        def say(said: str) -> None:
            file.write(json.dumps({"progress": said}) + "\n")
            file.flush()

        document, code = _answer(order, say)
        file.write(json.dumps(document) + "\n")
    return code


def _answer(order: DataOrder | RowsOrder, say: Say) -> tuple[dict[str, object], int]:
    from backend.trainer.order import settle_environment  # noqa: PLC0415 - as the trainer does, before the libraries

    settle_environment(os.environ)
    try:
        return {"report": _fetched(order, say) if isinstance(order, RowsOrder) else _examined(order, say)}, 0
    except StudioError as error:
        return {"error": asdict(error.explain()), "exit_code": error.exit_code}, error.exit_code


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


def _limit_processor() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = PROCESSOR_SECONDS if hard == resource.RLIM_INFINITY else min(PROCESSOR_SECONDS, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
