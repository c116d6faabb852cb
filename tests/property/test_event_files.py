"""Any bytes, any events, any way of growing: compared with TensorBoard's messages and with a plain model."""

import struct
import tempfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto

from backend.event_files.decoding import decode
from backend.event_files.folder import EventFolder
from backend.event_files.reader import EventFileReader
from tests.fakes.event_bytes import frame, points, restart, scalar, version

TAGS = ("a", "b", "eval/loss")

steps = st.one_of(st.integers(0, 300), st.integers(-(2**63), 2**63 - 1))
floats = st.floats(width=32)
simple = st.builds(lambda tag, value: Summary.Value(tag=tag, simple_value=value), st.sampled_from(TAGS), floats)
listed = st.builds(
    lambda tag, value: Summary.Value(tag=tag, tensor=TensorProto(dtype="DT_FLOAT", float_val=[value])),
    st.sampled_from(TAGS),
    floats,
)
raw = st.builds(
    lambda tag, value: Summary.Value(
        tag=tag, tensor=TensorProto(dtype="DT_DOUBLE", tensor_content=struct.pack("<d", value))
    ),
    st.sampled_from(TAGS),
    st.floats(),
)
events = st.builds(
    lambda step, wall_time, values: Event(step=step, wall_time=wall_time, summary=Summary(value=values)),
    steps,
    st.floats(0, 1e10),
    st.lists(st.one_of(simple, listed, raw), max_size=3),
)
markers = st.builds(
    lambda step, status: Event(step=step, session_log=SessionLog(status=status)), steps, st.integers(0, 3)
)


def _number(value: Summary.Value) -> float:
    if not value.HasField("tensor"):
        return float(value.simple_value)
    if value.tensor.tensor_content:
        return float(struct.unpack("<d", value.tensor.tensor_content)[0])
    return float(value.tensor.float_val[0])


@given(st.lists(st.one_of(events, markers), max_size=12), st.integers(1, 12))
def test_columns_hold_what_the_messages_say(some: list[Event], times: int) -> None:
    messages = some * times
    records = [event.SerializeToString() for event in messages]
    lengths = np.array([len(record) for record in records], np.int64)
    starts = np.cumsum(lengths) - lengths
    decoded = decode(b"".join(records), starts, lengths, base=7, tags=set())
    assert decoded.malformed == ()
    expected = [
        (value.tag, 7 + start, event.step, event.wall_time, _number(value))
        for event, start in zip(messages, starts.tolist(), strict=True)
        for value in event.summary.value
    ]
    for tag in TAGS:
        of_tag = np.array([row[3:] for row in expected if row[0] == tag]).reshape(-1, 2)
        found = decoded.points.get(tag)
        assert (found is None) == (not len(of_tag))
        if found is not None:
            assert found.positions.tolist() == [row[1] for row in expected if row[0] == tag]
            assert found.steps.tolist() == [row[2] for row in expected if row[0] == tag]
            np.testing.assert_array_equal(found.wall_times, of_tag[:, 0])
            np.testing.assert_array_equal(found.values, of_tag[:, 1])
    told = [event.step for event in messages if event.session_log.status == SessionLog.START]
    assert [marker.step for marker in decoded.restarts] == told


def test_a_record_that_differs_from_others_only_in_how_long_its_step_is_is_not_read_like_them() -> None:
    value = Summary.Value(tag="abc", simple_value=1.0)
    alike = Event(wall_time=1.0, step=129, summary=Summary(value=[value])).SerializeToString()
    at = alike.index(b"\x10\x81\x01\x2a")
    other = alike[: at + 1] + b"\x01\x48" + alike[at + 3 :]  # now a step of 1, field 9 = 42, and wire type 4
    records = [alike] * 30 + [other] + [alike] * 30
    lengths = np.full(len(records), len(alike))
    decoded = decode(b"".join(records), np.cumsum(lengths) - lengths, lengths, base=0, tags=set())
    assert decoded.malformed == (30,)
    assert decoded.points["abc"].steps.tolist() == [129] * 60


Op = tuple[str, int]  # a tag and a step, or "" and the step of a marker
operations = st.lists(st.tuples(st.sampled_from(("", *TAGS, "a", "a")), st.integers(0, 12)), max_size=40)


def _plainly_merged(ops: Iterable[Op]) -> dict[str, list[tuple[int, float]]]:
    """The rule, word by word; a point's value is its number in the order of writing."""
    merged: dict[str, list[tuple[int, float]]] = {}
    for number, (tag, step) in enumerate(ops):
        for name in list(merged) if tag == "" else [tag]:
            merged[name] = [point for point in merged.get(name, []) if point[0] < step]
        if tag:
            merged[tag].append((step, float(number)))
    return {tag: found for tag, found in merged.items() if found}


def _grow(path: Path, whole: bytes, end: int) -> None:
    with path.open("ab") as file:
        file.write(whole[file.tell() : end])


@given(st.lists(operations, min_size=1, max_size=3), st.data())
def test_files_growing_in_pieces_become_one_curve_with_each_step_once(
    files: list[list[Op]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = EventFolder(Path(name))
        done: list[Op] = []
        for index, ops in enumerate(files):
            path = Path(name) / f"events.out.tfevents.{index}"
            numbered = enumerate(ops, len(done))
            records = [scalar(step, number, tag) if tag else restart(step) for number, (tag, step) in numbered]
            whole = b"".join([version(), *records])
            ends = data.draw(st.lists(st.integers(0, len(whole)), max_size=4))
            for end in (*sorted(ends), len(whole)):
                _grow(path, whole, end)
                folder.read()
            done += ops
        curves = folder.read()
        assert {tag: points(curves, tag) for tag in curves.series} == _plainly_merged(done)
        assert curves.damage == ()
        assert {tag: points(EventFolder(Path(name)).read(), tag) for tag in curves.series} == _plainly_merged(done)


whole_records = st.integers(0, 2**20).map(lambda step: scalar(step, 1.0))
torn_records = st.builds(lambda step, kept: scalar(step, 1.0)[: kept - 60], st.integers(0, 2**20), st.integers(1, 55))
large_torn_records = st.integers(12, 500).map(lambda kept: frame(bytes(600))[:kept])
garbage = st.one_of(st.binary(max_size=80), st.integers(0, 90).map(bytes), torn_records, large_torn_records)
pieces_of_a_file = st.lists(
    st.one_of(whole_records.map(lambda record: (record, True)), garbage.map(lambda some: (some, False))),
    max_size=12,
)


def _read_steps(reader: EventFileReader) -> list[int]:
    return [step for batch in reader.read() for one in batch.points.values() for step in one.steps.tolist()]


@given(pieces_of_a_file, st.integers(700, 2_000))
def test_every_whole_record_is_found_whatever_lies_between(pieces: list[tuple[bytes, bool]], block_bytes: int) -> None:
    expected = sorted(Event.FromString(piece[12:-4]).step for piece, is_whole in pieces if is_whole)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "events"
        growing, found = EventFileReader(path, block_bytes=block_bytes), []
        for piece, _ in pieces:
            _append(path, piece)
            found += _read_steps(growing)
        at_once = EventFileReader(path)
        assert sorted(_read_steps(at_once)) == sorted(found) == expected
        unread = sum(damage.last_byte - damage.first_byte + 1 for damage in at_once.damage)
        assert unread <= sum(len(piece) for piece, is_whole in pieces if not is_whole)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@given(st.binary(max_size=3_000), st.integers(16, 4_000))
def test_random_bytes_never_raise_and_take_no_more_memory_than_they_are(data: bytes, block_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "events"
        path.write_bytes(data)
        reader = EventFileReader(path, block_bytes=block_bytes)
        tracemalloc.start()
        try:
            assert not _read_steps(reader)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()
        assert all(0 <= damage.first_byte <= damage.last_byte < len(data) for damage in reader.damage)


@given(st.binary(max_size=300), st.integers(1, 20))
def test_random_records_never_raise(record: bytes, times: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "events"
        path.write_bytes(frame(record) * times + scalar(1, 1.0, "kept"))
        batches = list(EventFileReader(path).read())
        assert any("kept" in batch.points for batch in batches)
