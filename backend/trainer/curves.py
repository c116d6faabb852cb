"""The event file of one attempt, in TensorBoard's format."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import DataClass, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DataType
from tensorboard.plugins.hparams.api_pb2 import Status
from tensorboard.plugins.hparams.metadata import (
    NULL_TENSOR,
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
    create_summary_metadata,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

_TEXT = SummaryMetadata(
    plugin_data=SummaryMetadata.PluginData(plugin_name="text"), data_class=DataClass.DATA_CLASS_TENSOR
)


class EventFile:
    """A new event file with a restart marker: readers drop what earlier files have at `first_step` and later.

    The first attempt writes the marker too, because TensorBoard's own page ignores the first one of a run.
    All values of a step go into one record, which is handed to the system at once: a kill loses nothing.
    Readers take files in the order of their names, so the second in the name is later than that of any file that
    is there already: process ids start again from 1, and clocks are set back.
    """

    def __init__(self, folder: Path, *, first_step: int) -> None:
        folder.mkdir(exist_ok=True)
        now = time.time()
        second = max(int(now), _newest_second(folder) + 1)
        name = f"events.out.tfevents.{second:010d}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
        self._file = (folder / name).open("xb")
        self._writer = RecordWriter(self._file)
        self._write(Event(wall_time=now, file_version="brain.Event:2"))
        self._write(Event(wall_time=now, step=first_step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """One point for each tag."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def add_text(self, step: int, texts: Mapping[str, str]) -> None:
        """One text for each tag, as TensorBoard's text page reads them."""
        values = [Summary.Value(tag=tag, metadata=_TEXT, tensor=_string(text)) for tag, text in texts.items()]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

    def begin_session(self, run_id: str, hparams: Mapping[str, bool | float | str]) -> None:
        """The settings of the run, for TensorBoard's HParams page; of several attempts it shows the first one's."""
        start = SessionStartInfo(group_name=run_id, start_time_secs=time.time())
        for name, value in hparams.items():
            match value:
                case bool():
                    start.hparams[name].bool_value = value
                case str():
                    start.hparams[name].string_value = value
                case float():
                    start.hparams[name].number_value = value
        self._add_session(0, SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))

    def end_session(self, step: int) -> None:
        """The run is finished."""
        end = SessionEndInfo(status=Status.STATUS_SUCCESS, end_time_secs=time.time())
        self._add_session(step, SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))

    def _add_session(self, step: int, tag: str, data: HParamsPluginData) -> None:
        metadata = create_summary_metadata(data)
        metadata.data_class = DataClass.DATA_CLASS_TENSOR
        value = Summary.Value(tag=tag, metadata=metadata, tensor=NULL_TENSOR)
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))

    def sync(self) -> None:
        """Make everything durable, so that a checkpoint never outlives the curve before it."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Nothing more will come."""
        self._file.close()

    def _write(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()


class NoEventFile(EventFile):
    """Of all processes of an attempt the first one writes; what the others have to say is the same."""

    def __init__(self) -> None:
        pass

    def sync(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _write(self, event: Event) -> None:
        pass


def _newest_second(folder: Path) -> int:
    seconds = (path.name.split(".")[3] for path in folder.glob("events.out.tfevents.*"))
    return max((int(second) for second in seconds if second.isdigit()), default=0)


def _string(text: str) -> TensorProto:
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    return TensorProto(dtype=DataType.DT_STRING, string_val=[text.encode(errors="replace")], tensor_shape=shape)
