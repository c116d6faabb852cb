"""From a traced peak and what runs really took to a range of bytes. Pure.

What a process takes is nearly a straight line in three numbers of the trace: what lives between two steps, what a step
adds at its peak, and the copies for a checkpoint, which are made once and leave no pieces. Kinds of runs lie a little
beside it, by their model's type, their method, quantization and recipe. The line that ships with the studio was fitted
to many measured runs; runs of this machine pull it towards themselves, the more the more there are (Bayesian linear
regression of relative errors, Bishop 2006, 3.3).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryPart, MemoryTrace
from backend.domain.speed import HEAP, MAPPED, OLD_HEAP
from config.catalog import memory_lines

Vector = Any  # numpy arrays of float64
PHASES = STEP, SAVING = "step", "saving"
LEAST_BYTES = 1_000_000  # that a run can take
MOST_TIMES = 8  # that a measurement may be above or below its trace
ROUNDS = 5  # in which records far off the line come to count less (Huber, 1964)
ROBUST = 2.0  # deviations up to which a record counts in full
LINE_PULL = (40e6, 0.05, 0.25, 0.1)  # how far records may be expected to move the line's four numbers,
KIND_PULL = (25e6, 0.03)  # and bytes and share of a step that a word of the kind makes more or less
ALIKE_HELD = 2  # runs of one kind that count as much as the line itself
MOST_LEFT_OVER = 0.3  # of a logarithm, for one run
FITTED_PULL = 0.15  # of both, for what a shipped line was fitted to,
RECORDS_OF_WEIGHT = 3  # as long as there are no more own records
IN_PIECES = (
    "this system's C library (glibc before 2.39) leaves freed memory in pieces, more or less of them from run to run; "
    'with "speed.allocator: mapped" there are none'
)
UNKNOWN_BASELINE_BYTES = {"cpu": 520_000_000, "cuda": 450_000_000}  # the imports; on a GPU its context


@dataclass(frozen=True, slots=True)
class Line:
    """How many bytes above the imports a run takes.

    `offset_bytes` + `steady` x what lives between steps + `moving` x what a step adds + `copying` x what a checkpoint
    copies. `effects` are by a word of a kind ("llama", "dora") what it adds to the first and to the last two of them.
    `noise` is the relative deviation between equal runs, `reach` how many deviations the range goes to each side,
    `lean` a share by which every forecast is higher, because too high is better than too low. `source` says what it
    was fitted to.
    """

    offset_bytes: float = 0.0
    steady: float = 1.0
    moving: float = 1.0
    copying: float = 1.0
    noise: float = 0.015
    reach: float = 2.0
    lean: float = 0.0
    source: str = ""
    effects: Mapping[str, tuple[float, float]] = field(default_factory=dict)


UNKNOWN = {
    f"cpu {MAPPED}": Line(offset_bytes=45e6, moving=1.02, lean=0.015),
    f"cpu {HEAP}": Line(offset_bytes=45e6, moving=1.12, noise=0.03),
    f"cpu {OLD_HEAP}": Line(offset_bytes=45e6, moving=1.3, noise=0.03),
    "cuda": Line(offset_bytes=40e6, moving=1.05),
}


@dataclass(frozen=True, slots=True)
class MeasuredPeak:
    """What one finished attempt took: bytes above its imports, beside the trace of the same order.

    `device` is "cpu" or "cuda"; `key` says what kind of run it was: words with "/" between them, such as model type,
    method, quantization and recipe.
    """

    trace: MemoryTrace
    measured_bytes: int
    device: str
    key: str


def forecast(
    trace: MemoryTrace,
    device: str,
    key: str,
    records: Sequence[MeasuredPeak],
    baseline_bytes: int | None,
    line: Line | None = None,
) -> MemoryForecast:
    """The peak of a run as a range; parts add up to `likely_bytes`, which never falls when the trace grows.

    `records` are of this machine; those of the same device and allocator count, those of the same key most.
    `baseline_bytes` is what the imports take before a model is loaded, None where it was not measured. `line` is
    where to begin from, by default the one that ships.
    """
    place = place_of(device, key)
    start = line or shipped(place)
    known = [record for record in records if place_of(record.device, record.key) == place and is_plausible(record)]
    fitted = Fitted.of(start, known, key)
    above, deviation = fitted.at(trace, key)
    above *= _left_over(fitted, [record for record in known if record.key == key])
    baseline = UNKNOWN_BASELINE_BYTES[device] if baseline_bytes is None else baseline_bytes
    likely = baseline + round(above)
    reach = math.exp(min(start.reach * deviation, 3.0))
    return MemoryForecast(
        device=device,
        parts=_parts(trace, baseline, likely),
        low_bytes=min(likely, baseline + round(above / reach)),
        likely_bytes=likely,
        high_bytes=max(likely, baseline + round(above * reach)),
        basis=Basis.CALIBRATED if known else Basis.TRACED,
        sources=tuple(_sources(start, place, key, known, baseline_bytes)),
        trace=trace,
    )


def place_of(device: str, key: str) -> str:
    """Which line a run lies on: "cuda", "cpu mapped", "cpu heap" or "cpu old heap", by the last word of its key."""
    if device == "cuda":
        return device
    told = key.rsplit("/", maxsplit=1)[-1]
    return f"{device} {told if told in (MAPPED, OLD_HEAP) else HEAP}"


@cache
def shipped(place: str) -> Line:
    """What was measured before the studio was shipped; a guess for places of which nothing was."""
    told = memory_lines().get(place)
    if told is None:
        return UNKNOWN[place]
    effects = {word: (float(offset), float(moving)) for word, (offset, moving) in told["effects"].items()}
    return Line(**{**told, "effects": effects})


def is_plausible(record: MeasuredPeak) -> bool:
    """Whether trace and measurement can be of the same order at all."""
    if record.measured_bytes < LEAST_BYTES:
        return False
    return 0 < record.trace.peak_bytes < MOST_TIMES * record.measured_bytes < MOST_TIMES**2 * record.trace.peak_bytes


class _Space(NamedTuple):
    """The numbers that are fitted: the line's four, then two for each word."""

    words: tuple[str, ...]

    def pull(self, line: Line, num_records: int) -> Vector:
        """How far each may be off: less where it was fitted already, until there are as many own records."""
        known = min(1.0, FITTED_PULL * (1 + num_records / RECORDS_OF_WEIGHT)) if line.source else 1.0
        shares = [known] * len(LINE_PULL) + [
            known if word in line.effects else 1.0 for word in self.words for _ in range(2)
        ]
        return np.array([*LINE_PULL, *KIND_PULL * len(self.words)]) * shares

    def start(self, line: Line) -> Vector:
        effects = [number for word in self.words for number in line.effects.get(word, (0.0, 0.0))]
        return np.array([line.offset_bytes, line.steady, line.moving, line.copying, *effects])

    def features(self, trace: MemoryTrace, key: str) -> Vector:
        """What the numbers are multiplied with, one row for each phase: (phases, numbers)."""
        return np.array([self._of_phase(trace, key, phase, peak) for phase, peak in _phases(trace)])

    def _of_phase(self, trace: MemoryTrace, key: str, phase: str, peak: int) -> list[float]:
        steady = min(trace.steady_bytes, peak)
        added, told = float(peak - steady), _words(key, phase)
        copies = added if phase == SAVING else 0.0
        if trace.saves_midway:  # a step is in it, too
            copies = min(copies, float(max(0, peak - trace.phases.get(STEP, peak))))
        effects = [number for word in self.words for number in ((1.0, added) if word in told else (0.0, 0.0))]
        return [1.0, float(steady), added - copies, copies, *effects]

    def bytes_of(self, numbers: Vector, features: Vector) -> Vector:
        """Of each phase. Neither an offset nor a factor below zero counts: more tensors never give less."""
        first = len(LINE_PULL)
        steady, moving, copies = features[:, 1], features[:, 2], features[:, 3]
        told = features[:, first::2]  # whether a word is told
        more = told @ numbers[first + 1 :: 2]
        found: Vector = np.maximum(0, numbers[0] + told @ numbers[first::2]) + max(0, numbers[1]) * steady
        found += np.maximum(0, numbers[2] + more) * moving + np.maximum(0, numbers[3] + more) * copies
        return found


@dataclass(frozen=True, slots=True)
class Fitted:
    """A line after it has met measurements: its numbers, and how uncertain they still are."""

    line: Line
    space: _Space
    numbers: Vector
    covariance: Vector

    @classmethod
    def of(cls, line: Line, records: Sequence[MeasuredPeak], *keys: str) -> "Fitted":
        """The line as plausible `records` pull it, for kinds of run that they or `keys` name.

        Which phase was the highest of a measured run is what the line says in each round of fitting.
        """
        phases = {phase for record in records for phase, _ in _phases(record.trace)} | set(PHASES)
        words = {word for key in (*keys, *(r.key for r in records)) for phase in phases for word in _words(key, phase)}
        space = _Space(tuple(sorted(words | set(line.effects))))
        numbers = start = space.start(line)
        pull, weights, held = space.pull(line, len(records)), np.ones(len(records)), np.eye(len(start))
        if not records:
            return cls(line, space, start, held * pull**2)
        measured = np.array([record.measured_bytes for record in records], dtype=float)
        courses = [space.features(record.trace, record.key) for record in records]
        for _ in range(ROUNDS):
            highest = [course[np.argmax(space.bytes_of(numbers, course))] for course in courses]
            rows = np.stack(highest) / measured[:, None]
            pulled = rows * pull * (weights / line.noise)[:, None]
            held = pulled.T @ pulled + np.eye(len(start))
            numbers = start + pull * np.linalg.solve(held, pulled.T @ ((1 - rows @ start) * weights / line.noise))
            errors = np.abs(rows @ numbers - 1)
            weights = np.sqrt(np.minimum(1.0, ROBUST * line.noise / np.maximum(errors, 1e-9)))
        return cls(line, space, numbers, np.linalg.inv(held) * np.outer(pull, pull))

    def at(self, trace: MemoryTrace, key: str) -> tuple[float, float]:
        """Bytes above the imports in the highest phase, and their relative deviation."""
        course = self.space.features(trace, key)
        found = self.space.bytes_of(self.numbers, course)
        highest = int(np.argmax(found))
        above, features = float(found[highest]), course[highest]
        spread = float(features @ self.covariance @ features) / max(1.0, above) ** 2
        return above * (1 + self.line.lean), math.sqrt(self.line.noise**2 + max(0.0, spread))

    @property
    def settled(self) -> Line:
        """A line of these numbers, as it can be kept."""
        first = len(LINE_PULL)
        effects = {
            word: (float(self.numbers[first + 2 * index]), float(self.numbers[first + 1 + 2 * index]))
            for index, word in enumerate(self.space.words)
        }
        offset, steady, moving, copying = (float(number) for number in self.numbers[:first])
        return replace(self.line, offset_bytes=offset, steady=steady, moving=moving, copying=copying, effects=effects)


def _left_over(fitted: Fitted, alike: Sequence[MeasuredPeak]) -> float:
    """By what factor runs of the very same kind are still off after the fit; the more there are, the more it counts."""
    found = [math.log(record.measured_bytes / max(1.0, fitted.at(record.trace, record.key)[0])) for record in alike]
    bounded = [min(MOST_LEFT_OVER, max(-MOST_LEFT_OVER, each)) for each in found]
    return math.exp(sum(bounded) / (len(bounded) + ALIKE_HELD))


def _phases(trace: MemoryTrace) -> list[tuple[str, int]]:
    return list(trace.phases.items()) or [(trace.phase, trace.peak_bytes)]


def _words(key: str, phase: str) -> set[str]:
    """What a kind of run tells, by itself and together with the phase."""
    told = key.split("/")
    return {phase, *told, *(f"{phase} {word}" for word in told)}


def _parts(trace: MemoryTrace, baseline: int, likely: int) -> dict[MemoryPart, int]:
    """The traced parts with what the process takes beyond them, or scaled down where it takes less."""
    above, total = likely - baseline, sum(trace.parts.values())
    parts = {part: size for part, size in trace.parts.items() if size > 0}
    if above < total:
        parts = {part: size * above // total for part, size in parts.items()}
    parts[MemoryPart.FRAMEWORK] = parts.get(MemoryPart.FRAMEWORK, 0) + baseline
    parts[MemoryPart.MARGIN] = parts.get(MemoryPart.MARGIN, 0) + likely - sum(parts.values())
    return parts


def _sources(line: Line, place: str, key: str, records: Sequence[MeasuredPeak], baseline: int | None) -> list[str]:
    alike = sum(record.key == key for record in records)
    told = ["a trace of this very order, taking its steps on layers without memory"]
    if line.source:
        told.append(line.source)
    if place == f"cpu {OLD_HEAP}":
        told.append(IN_PIECES)
    if records:
        told.append(f"{len(records)} measured runs of this machine, {alike} of them of the same kind")
    else:
        told.append("no run of this machine was measured yet")
    if baseline is None:
        told.append("what the libraries take by themselves is assumed")
    return told
