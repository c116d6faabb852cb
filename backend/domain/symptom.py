"""A message of a library, and what it means."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Symptom:
    """`pattern` is searched for in the last exception, whatever its case."""

    pattern: re.Pattern[str]
    id: str
    reason: str
    advice: str
    is_worth_retrying: bool


def symptom(pattern: str, id_: str, reason: str, advice: str, *, is_worth_retrying: bool = False) -> Symptom:
    """One line of a table."""
    return Symptom(re.compile(pattern, re.IGNORECASE), id_, reason, advice, is_worth_retrying)
