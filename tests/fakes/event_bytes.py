"""Bytes of event files, made with TensorBoard's own messages and checksums, and its reader as an oracle."""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.util import tensor_util

from backend.domain.curves import Curves


def frame(payload: bytes) -> bytes:
    """A TFRecord."""
    length = struct.pack("<Q", len(payload))
    return length + _crc(length) + payload + _crc(payload)


def _crc(data: bytes) -> bytes:
    return struct.pack("<I", int(masked_crc32c(data)))


def version() -> bytes:
    """The record with which every file begins."""
    return frame(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())


def scalar(step: int, value: float, tag: str = "train/loss", wall_time: float | None = None) -> bytes:
    """A record with one simple_value; the wall time is 1000 + step if none is given."""
    wall_time = 1000.0 + step if wall_time is None else wall_time
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return frame(Event(wall_time=wall_time, step=step, summary=summary).SerializeToString())


def tensors(step: int, values: dict[str, Any]) -> bytes:
    """A record with TensorProtos."""
    summary = Summary(value=[Summary.Value(tag=tag, tensor=tensor) for tag, tensor in values.items()])
    return frame(Event(wall_time=1000.0 + step, step=step, summary=summary).SerializeToString())


def restart(step: int) -> bytes:
    """A restart marker."""
    return frame(Event(step=step, session_log=SessionLog(status=SessionLog.START)).SerializeToString())


def write(folder: Path, name: str, records: Iterable[bytes]) -> Path:
    """An event file of these records."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{name}"
    path.write_bytes(b"".join(records))
    return path


def append(path: Path, data: bytes) -> None:
    """Add to a file as a writer does."""
    with path.open("ab") as file:
        file.write(data)


def points(curves: Curves, tag: str = "train/loss") -> list[tuple[int, float]]:
    """Steps with values of one tag; empty if there is no such series."""
    series = curves.series.get(tag)
    return [] if series is None else list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def as_told_by_tensorboard(
    folder: Path, tensor_tags: Iterable[str] = ()
) -> dict[str, Sequence[tuple[int, float, float]]]:
    """(step, value, wall time) per tag, as TensorBoard's EventAccumulator reads a folder.

    It does not say which tensors are scalars, and does not void tensors at restart markers.
    """
    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    reader.Reload()
    told: dict[str, Sequence[tuple[int, float, float]]] = {
        tag: [(event.step, event.value, event.wall_time) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }
    for tag in tensor_tags:
        told[tag] = [
            (event.step, float(tensor_util.make_ndarray(event.tensor_proto)), event.wall_time)
            for event in reader.Tensors(tag)
        ]
    return told


def as_we_tell(curves: Curves) -> dict[str, Sequence[tuple[int, float, float]]]:
    """The same of our curves."""
    return {
        tag: list(zip(one.steps.tolist(), one.values.tolist(), one.wall_times.tolist(), strict=True))
        for tag, one in curves.series.items()
    }
