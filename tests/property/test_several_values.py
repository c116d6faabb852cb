"""Records of several values say the same when many are decoded at once as when each is decoded alone."""

import struct
from collections.abc import Sequence
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.curve_merging import Points
from backend.event_files.decoding import Decoded, decode
from backend.event_files.several_values import taken_apart
from scripts.benchmarks.events.material import tensor_of_tensorflow, tensor_of_torch
from scripts.benchmarks.events.records import event, field, simple_value

BASE = 1_000
TAGS = ("a", "train/loss", "x" * 130, "y" * 20_000, "é")
ENCODERS = (simple_value, tensor_of_tensorflow, tensor_of_torch)

numbers = st.floats(width=32)
scalars = st.builds(
    lambda encode, tag, value: encode(tag, value), st.sampled_from(ENCODERS), st.sampled_from(TAGS), numbers
)
histogram = field(1, b"weights") + field(5, b"\x09" + struct.pack("<d", 1.0))
strange = st.one_of(st.just(b""), st.just(histogram), st.binary(max_size=6), st.just(simple_value("t" * 90_000, 1.0)))
values = st.lists(st.one_of(scalars, scalars, scalars, strange), max_size=6)
whole = st.builds(event, st.floats(0, 2e9), st.one_of(st.integers(0, 300), st.integers(0, 2**63 - 1)), values)
without_step = st.builds(lambda record: record[:9] + record[record.index(b"\x2a", 9) :], whole)
longer = st.builds(
    lambda record, rest: record + rest, whole, st.sampled_from([b"\x10\x05", field(5, b""), b"\x08", b"\x2a"])
)
records = st.lists(st.one_of(whole, whole, without_step, longer, st.binary(max_size=30)), min_size=8, max_size=40)


def decoded(some: Sequence[bytes], first: int = 0) -> Decoded:
    """Records one after another, the first of which begins at a byte of the file."""
    lengths = np.array([len(record) for record in some], np.int64)
    return decode(b"".join(some), np.cumsum(lengths) - lengths, lengths, BASE + first, set())


def rows(points: Points) -> list[tuple[int, int, bytes, float]]:
    """Values by their bits: a NaN equals itself."""
    found = (points.positions.tolist(), points.steps.tolist(), map(struct.Struct("<d").pack, points.values))
    return list(zip(*found, points.wall_times.tolist(), strict=True))


@given(records, st.randoms(use_true_random=False))
def test_many_at_once_say_what_each_says_alone(some: list[bytes], chance: Random) -> None:
    some = some + chance.sample(some, len(some) // 2)
    together = decoded(some)
    starts = np.cumsum([0, *map(len, some)]).tolist()
    alone = [decoded([record], start) for record, start in zip(some, starts, strict=False)]
    expected: dict[str, list[tuple[int, int, bytes, float]]] = {}
    for one in alone:
        for tag, points in one.points.items():
            expected.setdefault(tag, []).extend(rows(points))
    assert {tag: rows(points) for tag, points in together.points.items()} == expected
    assert list(together.malformed) == [index for index, one in enumerate(alone) if one.malformed]
    assert [found for one in alone for found in one.others] == list(together.others)
    assert sum(one.num_ignored_points for one in alone) == together.num_ignored_points


def test_values_of_many_layouts_are_taken_apart_and_values_without_room_for_a_number_are_not() -> None:
    some = [
        event(1.7e9, step, [simple_value("ab"[step % 2] * (1 + step), 1.0), simple_value("c", 2.0)])
        for step in range(20)
    ]
    lengths = np.array([len(record) for record in some])
    starts = np.cumsum(lengths) - lengths
    parts = taken_apart(b"".join(some), starts, lengths)
    assert parts is not None
    assert parts.owners.tolist() == [index for index in range(20) for _ in "ab"]
    assert parts.owners_at(parts.starts[[0, 5, 39]]).tolist() == [0, 2, 19]
    first = parts.data[: int(parts.lengths[0])]
    assert first == event(1.7e9, 0, [simple_value("a", 1.0)])
    empty = event(1.7e9, 1, [b""] * 30_000)
    both = np.array([len(empty)] * 2)
    assert taken_apart(empty * 2, np.cumsum(both) - both, both) is None
