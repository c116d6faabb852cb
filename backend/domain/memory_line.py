"""The straight line that a process's memory lies on, and how measured runs move it. Pure.

What a process takes is nearly a straight line in three numbers of the trace: what lives between two steps, what a step
adds at its peak, and what leaves no pieces: the copies for a checkpoint, which are made once, and blocks so large that
the C library never extends its heap for them. Kinds of runs lie a little beside it, by their model's type, their
method, quantization and recipe. The line that ships with the studio was fitted to many measured runs; runs of this
machine pull it towards themselves, the more the more there are (Bayesian linear regression of relative errors, Bishop
2006, 3.3).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from backend.domain.heap import HEAP, MAPPED, OLD_HEAP
from backend.domain.memory_forecast import MemoryTrace
from config.catalog import memory_lines

Vector = Any  # numpy arrays of float64
PHASES = STEP, SAVING = "step", "saving"
ACCUMULATING = "accumulating"  # over several micro-batches: a word of a trace, beside those of its kind
LEAST_BYTES = 1_000_000  # that a run can take
MOST_TIMES = 8  # that a measurement may be above or below its trace
ROUNDS = 5  # in which records far off the line come to count less (Huber, 1964)
ROBUST = 2.0  # deviations up to which a record counts in full
LINE_PULL = (40e6, 0.05, 0.25, 0.1)  # how far records may be expected to move the line's four numbers,
KIND_PULL = (25e6, 0.06)  # and bytes and share of a step that a word of the kind makes more or less
FITTED_PULL = 0.15  # of both, for what a shipped line was fitted to,
RECORDS_OF_WEIGHT = 3  # as long as there are no more own records


@dataclass(frozen=True, slots=True)
class Line:
    """How many bytes above the imports a run takes.

    `offset_bytes` + `steady` x what lives between steps + `moving` x what a step adds + `copying` x what leaves no
    pieces. `effects` are by a word of a kind ("llama", "dora") what it adds to the first and to the last two of them.
    `noise` is the relative deviation between equal runs, `reach` how many deviations the range goes to each side,
    `lean` a share by which a forecast is higher than the line, because too high is better than too low: on a CPU one
    deviation between equal runs. `source` says what it was fitted to.
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
    f"cpu {HEAP}": Line(offset_bytes=45e6, moving=1.12, noise=0.03, lean=0.03),
    f"cpu {OLD_HEAP}": Line(offset_bytes=45e6, moving=1.3, noise=0.03, lean=0.03),
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
        added, told = float(peak - steady), _told(trace, key, phase)
        copies = added if phase == SAVING else 0.0
        if trace.saves_midway:  # a step is in it, too
            copies = min(copies, float(max(0, peak - trace.phases.get(STEP, peak))))
        is_mapped = key.rpartition("/")[2] == MAPPED  # then all blocks are alike
        whole = min(added, copies + (0 if is_mapped else trace.large_bytes.get(phase, 0)))
        effects = [number for word in self.words for number in ((1.0, added) if word in told else (0.0, 0.0))]
        return [1.0, float(steady), added - whole, whole, *effects]

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
        if any(record.trace.micro_batches > 1 for record in records):
            words.add(ACCUMULATING)
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
        return above, math.sqrt(self.line.noise**2 + max(0.0, spread))

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


def _phases(trace: MemoryTrace) -> list[tuple[str, int]]:
    return list(trace.phases.items()) or [(trace.phase, trace.peak_bytes)]


def _told(trace: MemoryTrace, key: str, phase: str) -> set[str]:
    """The words of a kind, and whether gradients lie in the way of a second micro-batch, where a step is in a phase."""
    is_step = phase == STEP or (phase == SAVING and trace.saves_midway)
    return _words(key, phase) | ({ACCUMULATING} if is_step and trace.micro_batches > 1 else set())


def _words(key: str, phase: str) -> set[str]:
    """What a kind of run tells, by itself and together with the phase."""
    told = key.split("/")
    return {phase, *told, *(f"{phase} {word}" for word in told)}
