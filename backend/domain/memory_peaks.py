"""What earlier runs took, as it is kept for later forecasts. Pure."""

import math

from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryOrder, MemoryPart, MemoryTrace
from backend.domain.memory_line import MeasuredPeak
from backend.spec import Frozen

MEASURED_SOURCE = "measured with three steps on the longest batch"


class KeptPeak(Frozen):
    """What one run took beside the order of its trace; without a trace it was not traced yet.

    `mark` changes with the run. `measured_bytes` are above `baseline_bytes`, which the imports took.
    """

    run_id: str
    mark: str
    key: str
    measured_bytes: int
    baseline_bytes: int
    order: MemoryOrder
    trace: MemoryTrace | None = None

    @property
    def device(self) -> str:
        """Where it was trained: cpu or cuda."""
        return self.order.device

    def record(self) -> MeasuredPeak | None:
        """For the calibration; None without a trace."""
        if self.trace is None:
            return None
        return MeasuredPeak(self.trace, self.measured_bytes, self.device, self.key)


class KeptPeaks(Frozen):
    """All of them, oldest first."""

    peaks: tuple[KeptPeak, ...] = ()


def tokens_of_rows(rows: int, tokens: int, batch_size: int) -> int:
    """The longest row that explains the largest micro-batch that was trained: `rows` x `tokens`, flat rows being one.

    Where fewer rows than `batch_size` were padded or joined, a batch of that size with as many tokens.
    """
    return max(1, tokens if rows >= batch_size else math.ceil(rows * tokens / batch_size))


def middle(values: list[int]) -> int | None:
    """The median, the upper one of two."""
    return sorted(values)[len(values) // 2] if values else None


def as_measured(trace: MemoryTrace | None, device: str, measured_bytes: int, baseline_bytes: int) -> MemoryForecast:
    """What three real steps took, as a forecast without a range; shared among parts as the trace shares its peak.

    What the trace does not explain is margin; where it has too much, its parts are made smaller alike.
    """
    whole = baseline_bytes + measured_bytes
    parts = {part: size for part, size in trace.parts.items() if size} if trace else {}
    total = sum(parts.values())
    if total > measured_bytes:
        parts = {part: size * measured_bytes // total for part, size in parts.items()}
    parts[MemoryPart.FRAMEWORK] = parts.get(MemoryPart.FRAMEWORK, 0) + baseline_bytes
    parts[MemoryPart.MARGIN] = parts.get(MemoryPart.MARGIN, 0) + whole - sum(parts.values())
    return MemoryForecast(
        device=device,
        parts=parts,
        low_bytes=whole,
        likely_bytes=whole,
        high_bytes=whole,
        basis=Basis.MEASURED,
        sources=(MEASURED_SOURCE,),
        trace=trace,
    )
