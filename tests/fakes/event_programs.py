"""Event files of many layouts for property tests: what training programs of all kinds would write."""

import struct
from dataclasses import dataclass

from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto

from tests.fakes.event_bytes import frame

TAGS = ("a", "loss", "eval/loss", "b", "gradients/of/a/layer")


def _simple(tag: str, value: float) -> Summary.Value:
    return Summary.Value(tag=tag, simple_value=value)


def _listed(tag: str, value: float) -> Summary.Value:
    return Summary.Value(tag=f"{tag}/listed", tensor=TensorProto(dtype="DT_FLOAT", float_val=[value]))


def _raw(tag: str, value: float) -> Summary.Value:
    tensor = TensorProto(dtype="DT_DOUBLE", tensor_content=struct.pack("<d", value))
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
    return Summary.Value(tag=f"{tag}/raw", tensor=tensor, metadata=metadata)


def _half(tag: str, value: float) -> Summary.Value:
    return Summary.Value(
        tag=f"{tag}/half", tensor=TensorProto(dtype="DT_BFLOAT16", tensor_content=struct.pack("<e", value % 8))
    )


def _whole(tag: str, value: float) -> Summary.Value:
    number = int(value % 100) if value == value and abs(value) < 1e300 else 3  # noqa: PLR0124 - not a NaN
    return Summary.Value(tag=f"{tag}/int", tensor=TensorProto(dtype="DT_INT32", int_val=[number]))


SIMPLE_ONLY = (_simple,)
ALL_KINDS = (_simple, _simple, _listed, _raw, _half, _whole)


@dataclass(frozen=True)
class Phase:
    """Some steps that write the same records: per record, the tags of its values and how they are encoded."""

    records: tuple[tuple[tuple[int, str], ...], ...]
    first_step: int
    num_steps: int
    stride: int
    value: float


numbers = st.floats(width=32, allow_nan=False)
first_steps = st.sampled_from((0, 1, 100, 125, 16_380, 2**21 - 5, 2**28 - 4, 2**35 - 3, -40, 2**62))


def phases(kinds: int = len(ALL_KINDS)) -> st.SearchStrategy[Phase]:
    """Phases whose values are encoded in the first so many ways."""
    value = st.tuples(st.integers(0, kinds - 1), st.sampled_from(TAGS))
    record = st.lists(value, min_size=1, max_size=3, unique_by=lambda one: one[1]).map(tuple)
    return st.builds(
        Phase,
        st.lists(record, min_size=1, max_size=4).map(tuple),
        first_steps,
        st.integers(1, 30),
        st.sampled_from((1, 1, 1, 10)),
        numbers,
    )


def records_of(phase: Phase, seed: int = 0) -> list[bytes]:
    """What a phase writes."""
    written = []
    for number in range(phase.num_steps):
        step = phase.first_step + number * phase.stride
        for index, values in enumerate(phase.records):
            value = phase.value + number / 4 + index
            summary = Summary(value=[ALL_KINDS[kind](tag, _single(value)) for kind, tag in values])
            wall_time = 1.7e9 + seed + number * 0.37 + index / 64
            written.append(frame(Event(wall_time=wall_time, step=step, summary=summary).SerializeToString()))
    return written


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", max(-3e38, min(3e38, value))))[0])


def _text() -> bytes:
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    value = Summary.Value(tag="note", metadata=metadata, tensor=TensorProto(dtype="DT_STRING", string_val=[b"words"]))
    return frame(Event(wall_time=2.0, step=3, summary=Summary(value=[value])).SerializeToString())


def _histogram() -> bytes:
    value = Summary.Value(tag="weights", histo=HistogramProto(min=0, max=1))
    return frame(Event(wall_time=2.0, step=3, summary=Summary(value=[value])).SerializeToString())


ODD = (
    _text(),
    _histogram(),
    frame(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString()),
    frame(b""),
    frame(Event(step=7, session_log=SessionLog(status=SessionLog.STOP)).SerializeToString()),
)
odd_records = st.lists(st.sampled_from(ODD), max_size=2)
