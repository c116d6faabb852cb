"""Typed reader of defaults.yaml: the numbers that suggested settings start from, each with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from config.yaml_files import read_yaml

FILE = Path(__file__).resolve().parent / "defaults.yaml"


@dataclass(frozen=True, slots=True)
class Rate:
    """A learning rate; `large_value` holds for models above 13 B parameters where it is not None."""

    value: float
    reason: str
    large_value: float | None = None
    large_reason: str = ""


@dataclass(frozen=True, slots=True)
class Factor:
    """What a recipe multiplies learning rates by."""

    factor: float
    reason: str


@dataclass(frozen=True, slots=True)
class Rung:
    """A value up to a limit of rows or bytes; the last one has none."""

    value: float
    reason: str = ""
    up_to: int | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """The whole file. Rates are by method, factors by recipe."""

    rates: Mapping[str, Rate]
    factors: Mapping[str, Factor]
    ranks: Sequence[Rung]
    epochs: Sequence[Rung]
    rows_per_step: Sequence[Rung]
    validation: Sequence[Rung]
    max_lengths: Sequence[int]
    micro_batch_tokens: Sequence[Rung]
    cpu_micro_batch_tokens: int
    quantize_above: float
    bfloat16_since: tuple[int, int]


def rung(rungs: Sequence[Rung], number: int) -> Rung:
    """The first one whose limit is not exceeded."""
    return next(one for one in rungs if one.up_to is None or number <= one.up_to)


@cache
def defaults() -> Defaults:
    """What ships with the studio."""
    told = read_yaml(FILE)
    major, minor = told["bfloat16_since"]
    return Defaults(
        rates={name: _rate(entry) for entry in told["learning_rates"] for name in entry["methods"]},
        factors={
            name: Factor(entry["factor"], entry["reason"]) for entry in told["recipes"] for name in entry["recipes"]
        },
        ranks=_rungs(told["ranks"]),
        epochs=_rungs(told["epochs"]),
        rows_per_step=_rungs(told["rows_per_step"]),
        validation=_rungs(told["validation"]),
        max_lengths=tuple(told["max_lengths"]),
        micro_batch_tokens=_rungs(told["micro_batch_tokens"]),
        cpu_micro_batch_tokens=told["cpu_micro_batch_tokens"],
        quantize_above=told["quantize_above"],
        bfloat16_since=(major, minor),
    )


def _rate(entry: Mapping[str, Any]) -> Rate:
    return Rate(**{key: value for key, value in entry.items() if key != "methods"})


def _rungs(entries: Sequence[Mapping[str, Any]]) -> tuple[Rung, ...]:
    return tuple(
        Rung(entry["value"], entry.get("reason", ""), entry.get("up_to_rows", entry.get("up_to_bytes")))
        for entry in entries
    )
