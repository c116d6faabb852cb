"""Event files drawn by Hypothesis: stretches of regular records, as loops write them, one after another."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.util import tensor_util

from scripts.benchmarks.events.records import frame

TAGS = ("train/loss", "eval/loss", "é", "a", "gpu/0/memory_bytes")
KINDS = ("content", "list", "f8", "i4", "i8", "f2", "numpy")
_STRANGE = (0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-45, 3.4e38)
_SCALARS = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A loop: so many steps with a distance, and the tags that it writes at each, in one event or in several."""

    tags: tuple[str, ...]
    first: int
    distance: int
    count: int
    is_packed: bool
    seed: int

    def events(self, kinds: dict[str, str] | None = None) -> Iterator[bytes]:
        """The events, step by step; each tag has its kind of number, by default a simple value."""
        chance = np.random.default_rng(self.seed)
        for index in range(self.count):
            step = self.first + index * self.distance
            values = [_value(tag, _number(chance), (kinds or {}).get(tag, "")) for tag in self.tags]
            groups = [values] if self.is_packed else [[one] for one in values]
            for group in groups:
                wall_time = 1.7e9 + float(chance.random())
                yield Event(wall_time=wall_time, step=step, summary=Summary(value=group)).SerializeToString()


def stretches(*, is_forward: bool) -> st.SearchStrategy[list[Stretch]]:
    """Loops one after another; going forward, each begins behind the end of the one before."""
    one = st.builds(
        Stretch,
        st.lists(st.sampled_from(TAGS), min_size=1, max_size=4, unique=True).map(tuple),
        st.integers(0, 300) if not is_forward else st.one_of(st.integers(0, 20), st.integers(0, 2**40)),
        st.integers(1, 200),
        st.integers(1, 30),
        st.booleans(),
        st.integers(0, 2**32 - 1),
    )
    some = st.lists(one, min_size=1, max_size=4)
    return some.map(_one_behind_the_other) if is_forward else some


def others() -> st.SearchStrategy[bytes]:
    """Events that hold no scalar."""
    histogram = Summary.Value(tag="weights", histo=HistogramProto(min=0, max=1, bucket_limit=[1.0], bucket=[2.0]))
    text = Summary.Value(
        tag="note",
        tensor=TensorProto(dtype="DT_STRING", string_val=[b"some words"]),
        metadata=SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text")),
    )
    image = Summary.Value(tag="picture", image=Summary.Image(height=1, width=1, encoded_image_string=b"\x89PNG" * 9))
    return st.sampled_from(
        [
            Event(step=3, summary=Summary(value=[histogram])).SerializeToString(),
            Event(step=4, summary=Summary(value=[text, image])).SerializeToString(),
            Event(graph_def=b"graph" * 100).SerializeToString(),
            Event(session_log=SessionLog(status=SessionLog.STOP)).SerializeToString(),
            Event(file_version="brain.Event:2").SerializeToString(),
            b"",
        ]
    )


def start(step: int) -> bytes:
    """A restart marker."""
    return Event(step=step, session_log=SessionLog(status=SessionLog.START)).SerializeToString()


def write_file(folder: Path, number: int, payloads: list[bytes]) -> Path:
    """An event file of these events behind its version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{1_700_000_000 + number}.host"
    version = Event(wall_time=1.7e9 + number, file_version="brain.Event:2").SerializeToString()
    path.write_bytes(b"".join(map(frame, (version, *payloads))))
    return path


def _one_behind_the_other(some: list[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    end = 0
    for one in some:
        moved = Stretch(one.tags, end + one.first, one.distance, one.count, one.is_packed, one.seed)
        end = moved.first + moved.count * moved.distance
        found.append(moved)
    return found


def _number(chance: np.random.Generator) -> float:
    if chance.random() < 0.1:
        return _STRANGE[int(chance.integers(len(_STRANGE)))]
    return float(np.float32(chance.standard_normal()))


def _value(tag: str, number: float, kind: str) -> Summary.Value:
    if not kind:
        return Summary.Value(tag=tag, simple_value=number)
    return Summary.Value(tag=tag, tensor=_tensor(number, kind), metadata=_SCALARS)


def _tensor(number: float, kind: str) -> TensorProto:
    whole = int(number * 1000) if abs(number) < 1e6 else 7
    scalar = TensorShapeProto()
    makers = {
        "content": lambda: TensorProto(dtype="DT_FLOAT", tensor_shape=scalar, tensor_content=struct.pack("<f", number)),
        "list": lambda: TensorProto(dtype="DT_FLOAT", float_val=[number]),
        "f8": lambda: TensorProto(dtype="DT_DOUBLE", tensor_content=struct.pack("<d", number)),
        "i4": lambda: TensorProto(dtype="DT_INT32", tensor_shape=scalar, int_val=[whole]),
        "i8": lambda: TensorProto(dtype="DT_INT64", tensor_shape=scalar, int64_val=[whole << 20]),
        "f2": lambda: TensorProto(dtype="DT_HALF", tensor_content=np.float16(whole / 1000).tobytes()),
        "numpy": lambda: tensor_util.make_tensor_proto(np.float32(number)),
    }
    return makers[kind]()
