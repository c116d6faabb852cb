"""The event file of one attempt, in TensorBoard's format."""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


class EventFile:
    """A new event file with a restart marker: readers drop what earlier files have at `first_step` and later.

    The first attempt writes the marker too, because TensorBoard's own page ignores the first one of a run.
    All values of a step go into one record, which is handed to the system at once: a kill loses nothing.
    """

    def __init__(self, folder: Path, *, first_step: int) -> None:
        folder.mkdir(exist_ok=True)
        now = time.time()
        name = f"events.out.tfevents.{now:010.0f}.{socket.gethostname()}.{os.getpid()}.{time.monotonic_ns()}"
        self._file = (folder / name).open("xb")
        self._writer = RecordWriter(self._file)
        self._write(Event(wall_time=now, file_version="brain.Event:2"))
        self._write(Event(wall_time=now, step=first_step, session_log=SessionLog(status=SessionLog.START)))

    def add(self, step: int, scalars: Mapping[str, float]) -> None:
        """One point for each tag."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))

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
