"""The program of the data doctor: reads an order from its input, writes one JSON document, and ends.

Usage: python -m backend.trainer.examine < order.json. The document is {"report": ...}, or {"error": ...,
"exit_code": ...}; whatever libraries print goes to standard error. Exit codes: 0, or that of the error.
"""

import sys

from backend.domain.data_report import DataOrder
from backend.executors.heap import importing_for_good
from backend.trainer.one_answer import answer_one

PROCESSOR_SECONDS = 900  # of this process; each row has a limit of its own in its child


def main() -> int:
    """Examine what the first line of the input orders; the exit code."""
    return answer_one(DataOrder, _answer, PROCESSOR_SECONDS)


def _answer(order: DataOrder) -> dict[str, object]:
    with importing_for_good():
        from backend.trainer.examination import examine  # noqa: PLC0415 - seconds of imports

    return {"report": examine(order).model_dump(mode="json")}


if __name__ == "__main__":
    sys.exit(main())
