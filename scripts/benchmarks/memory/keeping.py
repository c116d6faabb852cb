"""What the memory bench has found so far, one file for each combination, so that it can be gone on with."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from backend.domain.heap import heap_of
from backend.domain.memory_forecast import MemoryTrace
from backend.domain.memory_record import MemoryRecord
from backend.executors.own_memory import c_library
from backend.store.files import read_text, replace_text
from scripts.benchmarks.memory.grid import Combination

PACKAGES = ("torch", "transformers", "peft", "trl", "bitsandbytes")
ROOT = Path(__file__).resolve().parents[3]


@dataclass(slots=True)
class Found:
    """Of one combination: what its trainings took, and what was forecast. `stamp` says by which forecasting program."""

    combination: Combination
    records: list[MemoryRecord] = field(default_factory=list)
    trace: MemoryTrace | None = None
    stamp: str = ""
    forecast_seconds: float = 0.0
    measure_failed: str = ""
    forecast_failed: str = ""

    @property
    def measured_bytes(self) -> int:
        """The highest of its trainings: a forecast must cover each of them."""
        return max(record.measured_bytes for record in self.records)

    @property
    def c_library(self) -> str:
        """Of its trainings; the system's, where older ones did not tell it."""
        return self.records[0].c_library or c_library()

    @property
    def heap(self) -> str:
        """Of what kind theirs was; older ones did not tell it, and had caches of small blocks."""
        return self.records[0].heap or heap_of(self.c_library, "")


class Shelf:
    """The files of one folder, for the versions of the libraries that are installed.

    `c_library` names one that is not the system's.
    """

    def __init__(self, folder: Path, c_library: str = "") -> None:
        told = ",".join(f"{name} {number}" for name, number in installed(PACKAGES).items())
        place = f"results-{hashlib.sha256(told.encode()).hexdigest()[:8]} {c_library}".strip()
        self.folder = folder / place.replace(" ", "-")
        self.folder.mkdir(parents=True, exist_ok=True)

    def take(self, combination: Combination) -> Found:
        """What is known of it; nothing if it is new or the file is damaged."""
        text = read_text(self.folder / f"{combination.key}.json")
        found = Found(combination)
        if text is None:
            return found
        try:
            told = json.loads(text)
            found.records = [MemoryRecord.model_validate(record) for record in told["records"]]
            found.trace = MemoryTrace.model_validate(told["trace"]) if told["trace"] else None
            for name in ("stamp", "forecast_seconds", "measure_failed", "forecast_failed"):
                setattr(found, name, told[name])
        except (ValueError, KeyError):
            return Found(combination)
        return found

    def put(self, found: Found) -> None:
        """Keep it."""
        told = {
            "title": found.combination.title,
            "combination": asdict(found.combination),
            "records": [record.model_dump(mode="json") for record in found.records],
            "trace": found.trace.model_dump(mode="json") if found.trace else None,
            "stamp": found.stamp,
            "forecast_seconds": found.forecast_seconds,
            "measure_failed": found.measure_failed,
            "forecast_failed": found.forecast_failed,
        }
        replace_text(self.folder / f"{found.combination.key}.json", json.dumps(told, indent=1))


def installed(names: Iterable[str]) -> dict[str, str]:
    """Versions by package."""
    return {name: version(name) for name in names}


def stamp_of(files: Iterable[Path] | None = None) -> str:
    """Of the forecasting program's own files: another one makes other forecasts."""
    trainer = ROOT / "backend" / "trainer"
    chosen = files if files is not None else [trainer / "forecast.py", *sorted((trainer / "tracing").glob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in chosen if file.is_file())).hexdigest()[:8]
