"""Any bytes, read in all ways: nothing raises or hangs, the ways agree, memory stays within three times the file and 64 MB."""

import json
import struct
import subprocess
import sys
import tempfile
from bisect import bisect_right
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curves import Curves
from backend.event_files.folder import EventFolder
from backend.event_files.records import EventRecordUnreadable, read_record
from scripts.benchmarks.events.material import numbers, times
from scripts.benchmarks.events.measuring import measured, peak_bytes
from scripts.benchmarks.events.records import scalars
from scripts.fuzzing import inputs, seeds
from scripts.fuzzing.costs import WAYS
from scripts.fuzzing.hostile import HOSTILE
from scripts.fuzzing.properties import NAME, check

ROOT = Path(__file__).resolve().parents[2]
SEEDS = list(seeds.all_seeds())
SLACK_BYTES = 64 * 1024**2
_SECONDS, _LONG_SECONDS = 550, 3_000  # for a machine with much else to do


def _frame_starts(data: bytes) -> list[int]:
    starts, at = [], 0
    while at < len(data):
        starts.append(at)
        at += 16 + int(struct.unpack_from("<Q", data, at)[0])
    return starts


patches = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=12), st.integers(0, 12)), max_size=4)


def _patched(seed: bytes, some: list[tuple[float, bytes, int]]) -> bytes:
    """Some bytes are put in the place of so many others."""
    for place, new, num_old in some:
        at = int(len(seed) * place)
        seed = seed[:at] + new + seed[at + num_old :]
    return seed


def _read_others(curves: Curves, folder: Path) -> Iterator[object]:
    for tag, other in curves.others.items():
        for place in other.places[:3]:
            try:
                yield read_record(folder, tag, other.kind, place)
            except EventRecordUnreadable:
                continue


@given(st.sampled_from(SEEDS), patches)
def test_valid_files_with_a_few_changes_are_read_in_all_ways_alike(
    seed: bytes, some: list[tuple[float, bytes, int]]
) -> None:
    with tempfile.TemporaryDirectory() as name:
        curves = check(inputs.input_of(_patched(seed, some)), Path(name))
        list(_read_others(curves, Path(name)))


@given(st.binary(max_size=400))
def test_any_bytes_are_read_in_all_ways_alike(data: bytes) -> None:
    """The first bytes choose between raw bytes, records with right checksums, and those with one wrong byte."""
    with tempfile.TemporaryDirectory() as name:
        curves = check(inputs.input_of(data), Path(name))
        list(_read_others(curves, Path(name)))


@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(0, 5))
def test_records_of_any_bytes_are_read_in_all_ways_alike(payloads: list[bytes], kind: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        curves = check(inputs.input_of(inputs.as_pieces(payloads, kind)), Path(name))
        list(_read_others(curves, Path(name)))


def test_the_seeds_are_valid_and_say_something() -> None:
    told = 0
    with tempfile.TemporaryDirectory() as name:
        for seed in SEEDS:
            curves = check(inputs.input_of(seed), Path(name))
            told += bool(curves.series) or bool(curves.others) or bool(curves.restarts)
    assert told >= 10


def _costs(folder: Path, num_bytes: int, *kinds: str, seconds: int = _SECONDS) -> list[dict[str, Any]]:
    """What the readers cost in a process of its own; a hang ends it."""
    words = [sys.executable, "-m", "scripts.fuzzing.costs", str(folder), str(num_bytes), *kinds]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT, timeout=seconds)
    assert done.returncode == 0, done.stderr[-2_000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.process
def test_files_made_to_cost_much_stay_within_bounds(tmp_path: Path) -> None:
    """Whole reading, last points and preview of every kind, one after another."""
    rows = _costs(tmp_path, 300_000)
    assert {(row["kind"], row["way"]) for row in rows} == set(product(HOSTILE, WAYS))
    assert [row for row in rows if row["grown"] > 3 * row["size"] + SLACK_BYTES] == []


@pytest.mark.process
@pytest.mark.long
@pytest.mark.timeout(_LONG_SECONDS + 60)
@pytest.mark.parametrize("kind", HOSTILE)
def test_large_files_made_to_cost_much_stay_within_bounds(kind: str, tmp_path: Path) -> None:
    """Each kind alone, so that no memory that an earlier one left behind hides what it takes."""
    rows = _costs(tmp_path, 32_000_000, kind, seconds=_LONG_SECONDS)
    assert [row for row in rows if row["grown"] > 3 * row["size"] + SLACK_BYTES] == []


def test_growth_of_memory_is_seen() -> None:
    """The measure of the tests above finds what was taken and given back."""
    if not peak_bytes():
        pytest.skip("this system does not tell")
    _, cost = measured(lambda: len(b"x" * 50_000_000))
    assert 45_000_000 < cost.grown_bytes < 80_000_000
    assert cost.cpu_seconds >= 0


def test_an_event_file_of_nothing_but_damage_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"\xff" * 5_000)
    [damage] = EventFolder(tmp_path).read().damage
    assert (damage.first_byte, damage.last_byte) == (0, 4_999)


TWO_TAGS = ("a", "train/loss")
LARGE = scalars(TWO_TAGS, numbers(3_000, 2, 1), times(3_000, 1.7e9))
FRAMES = _frame_starts(LARGE)
flips = st.lists(st.tuples(st.integers(0, len(LARGE) - 1), st.integers(1, 255)), min_size=1, max_size=4)


@given(flips)
def test_of_a_large_file_with_wrong_bytes_verification_leaves_every_record_that_is_right(
    some: list[tuple[int, int]],
) -> None:
    """While reading, only the end of a file of 330 kB is verified."""
    data = bytearray(LARGE)
    for at, bits in some:
        data[at] ^= bits
    spoilt = {bisect_right(FRAMES, at) - 1 for at, _ in some if data[at] != LARGE[at]}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / NAME
        path.write_bytes(LARGE)
        right = EventFolder(Path(name)).read()
        path.write_bytes(data)
        folder = EventFolder(Path(name))
        folder.read()
        found = folder.verify()
        for index, tag in enumerate(TWO_TAGS):
            kept = [step for step in range(3_000) if 2 * step + index not in spoilt]
            assert found.series[tag].steps.tolist() == kept
            assert found.series[tag].values.tolist() == right.series[tag].values[kept].tolist()
        assert bool(found.damage) == bool(spoilt)
        assert sum(one.last_byte - one.first_byte + 1 for one in found.damage) <= 80 * len(spoilt)
