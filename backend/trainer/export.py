"""The program that exports the result of a run: one order in, progress and one JSON document out.

Usage: python -m backend.trainer.export < order.json. The document is {"export": ...}, or {"error": ...,
"exit_code": ...}; lines {"progress": ...} come before it. The folder appears whole or not at all.
"""

import sys

from backend.domain.exports import ExportOrder
from backend.executors.heap import importing_for_good
from backend.trainer.one_answer import Say, answer_one

PROCESSOR_SECONDS = 14_400


def main() -> int:
    """Export what the first line of the input orders; the exit code."""
    return answer_one(ExportOrder, _answer, PROCESSOR_SECONDS)


def _answer(order: ExportOrder, say: Say) -> dict[str, object]:
    say("Loading the libraries")
    with importing_for_good():
        from backend.trainer.exporting import export  # noqa: PLC0415 - seconds of imports

    return {"export": export(order, say).model_dump(mode="json")}


if __name__ == "__main__":
    sys.exit(main())
