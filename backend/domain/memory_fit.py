"""Whether a run fits into the memory that it may take, as far as that is known. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from backend.domain.memory_forecast import MemoryForecast
from backend.domain.memory_record import MemoryRecord
from backend.errors import Explanation

MEGABYTE, GIGABYTE = 1e6, 1e9


class Fit(StrEnum):
    """What the range of a forecast says about the room."""

    YES = "fits"
    PERHAPS = "may not fit"
    HARDLY = "will probably not fit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Forecasting:
    """What is known now. `room_bytes` is what the run may take on its device now, None where nobody tells it.

    `is_calibrating`: earlier runs are being traced, after which the forecast is a better one.
    """

    forecast: MemoryForecast | None = None
    error: Explanation | None = None
    is_running: bool = False
    room_bytes: int | None = None
    is_calibrating: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether waiting changes nothing now."""
        return not self.is_calibrating and (self.forecast is not None or self.error is not None)

    @property
    def fit(self) -> Fit:
        """Even the low end is more than there is; only the high end is; or not even that."""
        if self.forecast is None or self.room_bytes is None:
            return Fit.UNKNOWN
        if self.forecast.low_bytes > self.room_bytes:
            return Fit.HARDLY
        return Fit.PERHAPS if self.forecast.high_bytes > self.room_bytes else Fit.YES


@dataclass(frozen=True, slots=True)
class RunMemory:
    """A run's forecast, made without what it took itself, and what it took; None for what is not known."""

    forecast: MemoryForecast | None
    record: MemoryRecord | None

    def sentence(self) -> str:
        """Both in one line; empty where nothing was measured."""
        if self.record is None:
            return ""
        took = f"measured {memory_words(self.record.peak_bytes)}"
        told = f"forecast {range_words(self.forecast)}, " if self.forecast else "no forecast was made, "
        return f"Memory at its peak: {told}{took} of {device_words(self.record.device)}."


def memory_words(size: float) -> str:
    """A size for a sentence: whole megabytes below a gigabyte, else gigabytes with three digits."""
    if abs(size) < GIGABYTE:
        return f"{size / MEGABYTE:,.0f} MB"
    return f"{size / GIGABYTE:,.3g} GB" if abs(size) < 1000 * GIGABYTE else f"{size / GIGABYTE:,.0f} GB"


def range_words(forecast: MemoryForecast) -> str:
    """Such as "3.1 to 3.8 GB"; one figure where both ends read alike."""
    low, high = memory_words(forecast.low_bytes), memory_words(forecast.high_bytes)
    if low == high:
        return low
    figure, _, unit = low.partition(" ")
    return f"{figure if high.endswith(unit) else low} to {high}"


def device_words(device: str) -> str:
    """What is filled up."""
    return "the GPU's memory" if device == "cuda" else "main memory"
