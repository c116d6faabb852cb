"""A program of one question: reads an order from its input, writes one JSON document, and ends."""

import json
import os
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from backend.errors import EXIT_USAGE, StudioError

Order = TypeVar("Order", bound=BaseModel)
Say = Callable[[str], None]
Answer = Callable[[Order, Say], dict[str, object]]


def answer_one(kind: type[Order] | TypeAdapter[Order], answer: Answer[Order], processor_seconds: int) -> int:
    """Answer what the first line of the input orders; the exit code, which is 0 or that of the error.

    The document is what `answer` gives, or {"error": ..., "exit_code": ...}; what it says meanwhile are lines
    {"progress": ...} before it. Whatever libraries print goes to standard error. The process is killed after so many
    seconds of processor time.
    """
    output = os.dup(1)
    os.dup2(2, 1)
    _limit(processor_seconds)
    adapter = kind if isinstance(kind, TypeAdapter) else TypeAdapter(kind)
    try:
        order = adapter.validate_json(sys.stdin.readline())
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    with os.fdopen(output, "w", encoding="ascii") as file:

        def say(said: str) -> None:
            file.write(json.dumps({"progress": said}) + "\n")
            file.flush()

        document, code = _document(order, answer, say)
        file.write(json.dumps(document) + "\n")
    return code


def _document(order: Order, answer: Answer[Order], say: Say) -> tuple[dict[str, object], int]:
    from backend.trainer.order import settle_environment  # noqa: PLC0415 - as the trainer does, before the libraries

    settle_environment(os.environ)
    try:
        return answer(order, say), 0
    except StudioError as error:
        return {"error": asdict(error.explain()), "exit_code": error.exit_code}, error.exit_code


def _limit(seconds: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = seconds if hard == resource.RLIM_INFINITY else min(seconds, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted, hard))
