"""TensorBoard's data server, written in Rust, asked over gRPC as TensorBoard asks it, with all points kept."""

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tensorboard_data_server
from tensorboard.data.proto import data_provider_pb2 as messages
from tensorboard.data.proto import data_provider_pb2_grpc as services

from scripts.benchmarks.events.measuring import cpu_of, peak_bytes

_ALL = 1 << 40  # more points than any series has
_SCALARS = messages.PluginFilter(plugin_name="scalars")
_WAIT_SECONDS = 600
_POLL_SECONDS = 0.005
_UNLIMITED = [("grpc.max_receive_message_length", -1)]


class ServerFailed(RuntimeError):
    """The server ended, or did not load in time."""


class RustServer:
    """A server process and its client; `close` ends it."""

    def __init__(self, logdir: Path, reload: str = "once") -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._log = Path(self._folder.name) / "log"
        port = Path(self._folder.name) / "port"
        words = [tensorboard_data_server.server_binary(), "--logdir", str(logdir), "--reload", reload, "-v"]
        words += ["--samples-per-plugin=scalars=all", "--port=0", "--port-file", str(port), "--die-after-stdin"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stderr=log, stdout=log)
        self._until(lambda: port.exists() and port.read_text(encoding="ascii").endswith("\n"))
        channel = grpc.insecure_channel(f"localhost:{port.read_text(encoding='ascii').strip()}", _UNLIMITED)
        self._stub = services.TensorBoardDataProviderStub(channel)

    def wait_loaded(self, cycles: int = 1) -> None:
        """Until so many load cycles are over. Raises ServerFailed."""
        self._until(lambda: self._log.read_text(encoding="utf-8").count("Finished load cycle") >= cycles)

    def num_cycles(self) -> int:
        """Load cycles that are over."""
        return self._log.read_text(encoding="utf-8").count("Finished load cycle")

    def wait_first_curve(self) -> int:
        """Until some series has points; how many the longest has. Raises ServerFailed."""
        self._until(lambda: any(self.read(num_points=1_000).values()))
        return max(len(one[0]) for run in self.read(num_points=1_000).values() for one in run.values())

    def read(self, num_points: int = _ALL) -> dict[str, dict[str, Any]]:
        """Steps, values, wall times of each tag of each run."""
        downsample = messages.Downsample(num_points=num_points)
        answer = self._stub.ReadScalars(messages.ReadScalarsRequest(plugin_filter=_SCALARS, downsample=downsample))
        return {
            run.run_name: {
                one.tag_name: (np.array(one.data.step), np.array(one.data.value), np.array(one.data.wall_time))
                for one in run.tags
            }
            for run in answer.runs
        }

    @property
    def cpu_seconds(self) -> float:
        """What the server used so far."""
        return cpu_of(self._process.pid)

    @property
    def peak_bytes(self) -> int:
        """The most memory that the server had."""
        return peak_bytes(str(self._process.pid))

    def close(self) -> None:
        """End the server and wait for it."""
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    def _until(self, condition: Any) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not condition():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(self._log.read_text(encoding="utf-8")[-300:])
            time.sleep(_POLL_SECONDS)


class Rust:
    """The contestant: server and client together."""

    def __init__(self) -> None:
        self.server: RustServer | None = None
        self._found: dict[str, dict[str, Any]] = {}
        self._num_cycles = 0

    def load(self, logdir: Path) -> None:
        self.server = RustServer(logdir)
        self.server.wait_loaded()
        self._found = self.server.read()

    def load_live(self, logdir: Path) -> None:
        self.server = RustServer(logdir, reload="1")
        self.server.wait_loaded()
        self._found = self.server.read()

    def first_curve(self, logdir: Path) -> int:
        self.server = RustServer(logdir)
        return self.server.wait_first_curve()

    def refresh(self) -> None:
        """Wait for the next load cycle, ask for 1,000 points of each tag: one cannot ask for the new ones only."""
        assert self.server is not None
        self.server.wait_loaded(self.server.num_cycles() + 1)
        self.server.read(num_points=1_000)

    def runs(self) -> dict[str, dict[str, Any]]:
        return self._found
