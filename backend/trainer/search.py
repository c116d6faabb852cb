"""The program that searches the hub: one question in, one JSON document out; no training library is imported.

Usage: python -m backend.trainer.search < query.json. The document is {"hits": [...]}, or {"error": ...,
"exit_code": ...}.
"""

import sys

from backend.domain.hub_search import HubQuery
from backend.trainer.one_answer import Say, answer_one

PROCESSOR_SECONDS = 60


def main() -> int:
    """Search for what the first line of the input asks; the exit code."""
    return answer_one(HubQuery, _answer, PROCESSOR_SECONDS)


def _answer(query: HubQuery, _say: Say) -> dict[str, object]:
    from backend.base_models.searching import search  # noqa: PLC0415 - half a second

    return {"hits": [hit.model_dump(mode="json") for hit in search(query)]}


if __name__ == "__main__":
    sys.exit(main())
