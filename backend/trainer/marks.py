"""Moments between which seconds are measured: on the host, or on a GPU that works through its orders later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

MILLISECONDS = 1e-3


class Mark(Protocol):
    """A moment; only marks of one kind are compared."""

    def is_past(self) -> bool:
        """Whether it has come, without waiting for it."""

    def seconds_since(self, earlier: Any) -> float:  # noqa: ANN401 - a mark of the same kind
        """Between two moments that have both come."""


@dataclass(frozen=True, slots=True)
class HostMark:
    """A moment of the computer's clock."""

    at: float

    def is_past(self) -> bool:
        """It always is."""
        return True

    def seconds_since(self, earlier: "HostMark") -> float:
        """By the clock."""
        return self.at - earlier.at


class DeviceMark:
    """When the GPU comes to what was ordered by now (a CUDA event): recording it makes nobody wait."""

    def __init__(self) -> None:
        self._event: Any = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self._event.record()

    def is_past(self) -> bool:
        """Whether the GPU is there."""
        return bool(self._event.query())

    def seconds_since(self, earlier: "DeviceMark") -> float:
        """By the GPU's clock, resolution about half a microsecond."""
        return float(earlier._event.elapsed_time(self._event)) * MILLISECONDS  # noqa: SLF001 - another of us


def device_marks() -> Callable[[], Mark] | None:
    """How to take moments where training runs; None: by the host's clock."""
    return DeviceMark if torch.cuda.is_available() else None
