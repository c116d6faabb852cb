"""Traces and records of memory as a test describes them."""

import json
from pathlib import Path
from typing import Any

from backend.domain.heap import HEAP
from backend.domain.memory_forecast import MemoryPart, MemoryTrace
from backend.domain.memory_record import MemoryRecord
from backend.domain.run_directory import RunDirectory
from tests.fakes.lines import Said

MB = 1_000_000


def a_trace(peak_mb: int = 100, **facts: Any) -> MemoryTrace:
    """A peak of weights and activations, half and half."""
    parts = {MemoryPart.WEIGHTS: peak_mb * MB // 2, MemoryPart.ACTIVATIONS: peak_mb * MB // 2}
    told = {"parts": parts, "peak_bytes": peak_mb * MB, "steady_bytes": peak_mb * MB // 2, "phase": "step"}
    shape = {"rows": 4, "tokens": 128, "is_scaled": False, "num_operations": 100, "seconds": 1.0}
    return MemoryTrace.model_validate(told | shape | facts)


def says_trace(peak_mb: int = 100) -> list[Said]:
    """What the program says that has found it, in two pieces."""
    text = json.dumps({"trace": a_trace(peak_mb).model_dump(mode="json")})
    return [text[:20], text[20:], 0]


def a_record(measured_mb: int, **facts: Any) -> MemoryRecord:
    """A whole one of a small Llama on the CPU."""
    told = {"device": "cpu", "how": "high-water mark", "imports_bytes": 500 * MB, "baseline_bytes": 600 * MB}
    shape = {"rows": 4, "tokens": 64, "steps": 10, "phases": {}, "model_type": "llama", "heap": HEAP}
    return MemoryRecord.model_validate(told | {"peak_bytes": (600 + measured_mb) * MB} | shape | facts)


def left_behind(run_dir: Path, record: MemoryRecord, attempt: int = 1) -> None:
    """A record in the folder of a run."""
    path = RunDirectory(run_dir).memory(attempt)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(record.model_dump_json())
