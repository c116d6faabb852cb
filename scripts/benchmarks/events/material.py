"""The log directories that the readers read: written once into a folder, the same for all contestants."""

import json
import random
import struct
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scripts.benchmarks.events.records import event, field, file_version, framed, scalars, simple_value

NAMES = (
    "train/loss", "train/learning_rate", "train/grad_norm", "eval/loss", "perf/tokens_per_second",
    "perf/seconds_per_step", "gpu/0/memory_bytes", "gpu/0/utilization_percent", "gpu/0/power_watts", "train/num_tokens",
)  # fmt: skip
START = 1_700_000_000.0  # wall time of the first record
_SEED = 5
_PACKED = {"e": 0.0, "f": 0.3}  # the share of steps whose values are packed into one record


@dataclass(frozen=True, slots=True)
class Case:
    """A log directory: so many runs, tags and steps; an irregular one has so many records."""

    letter: str
    runs: int
    tags: int
    steps: int

    @property
    def num_points(self) -> int:
        """How many points are in it; of an irregular one, at most."""
        return self.runs * self.tags * self.steps


FULL = {
    "a": Case("a", 1, 10, 100_000),
    "b": Case("b", 200, 10, 1_000),
    "c": Case("c", 1_000, 5, 2_000),
    "e": Case("e", 1, 10, 60_000),
    "f": Case("f", 1, 10, 60_000),
}
SMALL = {
    "a": Case("a", 1, 10, 10_000),
    "b": Case("b", 20, 10, 1_000),
    "c": Case("c", 50, 5, 2_000),
    "e": Case("e", 1, 10, 6_000),
    "f": Case("f", 1, 10, 6_000),
}


@dataclass(frozen=True, slots=True)
class Material:
    """The folder with one log directory per case."""

    folder: Path
    cases: dict[str, Case]

    def logdir(self, letter: str) -> Path:
        """The log directory of a case."""
        return self.folder / letter

    def num_bytes(self, letter: str) -> int:
        """The size of its event files."""
        return sum(path.stat().st_size for path in self.logdir(letter).rglob("*tfevents*"))


def make_material(folder: Path, cases: dict[str, Case]) -> Material:
    """Write what is missing; a folder of other sizes is refused. Raises SystemExit."""
    note = folder / "cases.json"
    wanted = {letter: asdict(case) for letter, case in cases.items()}
    if note.exists() and json.loads(note.read_text(encoding="utf-8")) != wanted:
        raise SystemExit(f"{folder} holds other sizes: give another --output, or remove it.")
    material = Material(folder, cases)
    if not note.exists():
        for case in cases.values():
            for number in range(case.runs):
                _write_run(material.logdir(case.letter) / f"run-{number:04d}", case, number)
        note.write_text(json.dumps(wanted), encoding="utf-8")
    return material


def _write_run(folder: Path, case: Case, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    start = START + number
    path = folder / f"events.out.tfevents.{int(start)}.bench.{number}.0"
    records = irregular(case, start) if case.letter in _PACKED else regular(case, start, number)
    path.write_bytes(file_version(start) + records)


def regular(case: Case, start: float, number: int) -> bytes:
    """Each tag at each step, as a training loop writes with torch."""
    return scalars(NAMES[: case.tags], numbers(case.steps, case.tags, number), times(case.steps, start))


def numbers(num_steps: int, num_tags: int, seed: int) -> npt.NDArray[np.float32]:
    """Noisy falling curves; shape (steps, tags)."""
    noise = np.random.default_rng((_SEED, seed)).standard_normal((num_steps, num_tags)) * 0.1
    falling = np.exp(-np.arange(num_steps) / max(1, num_steps) * 3)[:, None] * (1 + np.arange(num_tags))
    return (falling + noise).astype(np.float32)


def times(num_steps: int, start: float) -> npt.NDArray[np.float64]:
    """A point each half second, with jitter; shape (steps,)."""
    jitter = np.random.default_rng(_SEED).random(num_steps) * 0.1
    found: npt.NDArray[np.float64] = start + 0.5 * np.arange(num_steps) + jitter
    return found


def irregular(case: Case, start: float) -> bytes:
    """At each step some of the tags, in any order; each has its kind of number. In (f) some steps are one record."""
    chance = random.Random(_SEED)  # noqa: S311 - no secret, but the same file each time
    payloads = []
    for step in range(case.steps):
        tags = chance.sample(NAMES[: case.tags], chance.randint(1, case.tags))
        wall_time = start + step * 0.5 + chance.random() * 0.1
        values = [_KINDS[NAMES.index(tag) % len(_KINDS)](tag, chance.gauss(1, 0.2)) for tag in tags]
        if chance.random() < _PACKED[case.letter]:
            payloads.append(event(wall_time, step, values))
        else:
            payloads += [event(wall_time, step, [value]) for value in values]
    return framed(payloads)


def tensor_of_tensorflow(tag: str, number: float) -> bytes:
    """A Summary.Value as TensorFlow 2's `tf.summary.scalar` writes it: float32 as raw bytes, with metadata."""
    tensor = b"\x08\x01" + field(2, b"") + field(4, struct.pack("<f", number))
    return field(1, tag.encode()) + field(8, tensor) + field(9, _SCALARS_WITH_CLASS)


def tensor_of_torch(tag: str, number: float) -> bytes:
    """A Summary.Value as torch's `add_scalar(new_style=True)` writes it: a packed list of one float32."""
    tensor = b"\x08\x01" + field(5, struct.pack("<f", number))
    return field(1, tag.encode()) + field(8, tensor) + field(9, _SCALARS)


_SCALARS = field(1, field(1, b"scalars"))  # plugin_data.plugin_name
_SCALARS_WITH_CLASS = _SCALARS + b"\x20\x01"  # DATA_CLASS_SCALAR
_KINDS = (simple_value, tensor_of_tensorflow, simple_value, tensor_of_torch)
