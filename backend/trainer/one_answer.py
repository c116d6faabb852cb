"""A program of one question: reads an order from its input, writes one JSON document, and ends."""

import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from backend.errors import EXIT_USAGE, StudioError

Order = TypeVar("Order", bound=BaseModel)


def answer_one(kind: type[Order], answer: Callable[[Order], dict[str, object]], processor_seconds: int) -> int:
    """Answer what the first line of the input orders; the exit code, which is 0 or that of the error.

    The document is what `answer` gives, or {"error": ..., "exit_code": ...}; whatever libraries print goes to
    standard error. The process is killed after so many seconds of processor time.
    """
    output = os.dup(1)
    os.dup2(2, 1)
    _limit(processor_seconds)
    try:
        order = kind.model_validate_json(sys.stdin.readline())
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    document, code = _document(order, answer)
    with os.fdopen(output, "w", encoding="ascii") as file:
        file.write(json.dumps(document) + "\n")
    return code


def _document(order: Order, answer: Callable[[Order], dict[str, object]]) -> tuple[dict[str, object], int]:
    from backend.trainer.order import settle_environment  # noqa: PLC0415 - as the trainer does, before the libraries

    settle_environment(os.environ)
    try:
        return answer(order), 0
    except StudioError as error:
        return {"error": asdict(error.explain()), "exit_code": error.exit_code}, error.exit_code


def _limit(seconds: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))
