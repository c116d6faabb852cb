"""The program that counts trainable parameters on the real layers: one order in, one JSON document out.

Usage: python -m backend.trainer.count < order.json. The document is {"count": ...}, or {"error": ...,
"exit_code": ...}. Of a model on the hub only the small files are fetched.
"""

import sys

from backend.domain.trainable import CountOrder
from backend.executors.heap import importing_for_good
from backend.trainer.one_answer import Say, answer_one

PROCESSOR_SECONDS = 300


def main() -> int:
    """Count what the first line of the input orders; the exit code."""
    return answer_one(CountOrder, _answer, PROCESSOR_SECONDS)


def _answer(order: CountOrder, _say: Say) -> dict[str, object]:
    with importing_for_good():
        from backend.trainer.counting import count  # noqa: PLC0415 - seconds of imports

    return {"count": count(order).model_dump(mode="json")}


if __name__ == "__main__":
    sys.exit(main())
