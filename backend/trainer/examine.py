"""The program of the data doctor: reads an order from its input, writes one JSON document, and ends.

Usage: python -m backend.trainer.examine < order.json. The document is {"report": ...}, or {"error": ...,
"exit_code": ...}; whatever libraries print goes to standard error. Exit codes: 0, or that of the error.
"""

import json
import os
import resource
import sys
from dataclasses import asdict

from pydantic import ValidationError

from backend.domain.data_report import DataOrder
from backend.errors import EXIT_USAGE, StudioError
from backend.executors.heap import importing_for_good

PROCESSOR_SECONDS = 900  # of this process; each row has a limit of its own in its child


def main() -> int:
    """Examine what the first line of the input orders; the exit code."""
    output = os.dup(1)
    os.dup2(2, 1)
    _limit_processor()
    try:
        order = DataOrder.model_validate_json(sys.stdin.readline())
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    document, code = _answer(order)
    with os.fdopen(output, "w", encoding="ascii") as file:
        file.write(json.dumps(document) + "\n")
    return code


def _answer(order: DataOrder) -> tuple[dict[str, object], int]:
    from backend.trainer.order import settle_environment  # noqa: PLC0415 - as the trainer does, before the libraries

    settle_environment(os.environ)
    try:
        with importing_for_good():
            from backend.trainer.examination import examine  # noqa: PLC0415 - seconds of imports

        return {"report": examine(order).model_dump(mode="json")}, 0
    except StudioError as error:
        return {"error": asdict(error.explain()), "exit_code": error.exit_code}, error.exit_code


def _limit_processor() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = PROCESSOR_SECONDS if hard == resource.RLIM_INFINITY else min(PROCESSOR_SECONDS, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))


if __name__ == "__main__":
    sys.exit(main())
