"""engine_state.json in the workspace: where the dashboard is, for whoever asks, and what a dead launcher left."""

import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.domain.engine import BackendStatus, EngineState, EngineStatusChanged
from backend.domain.run import ProcessIdentity
from backend.executors import process_table
from backend.launcher.health import bracketed, reachable
from backend.launcher.server import sweep
from backend.store.files import read_text, replace_text


class StatusFile:
    """Replaced atomically at each change; its one writer is the launcher that holds the workspace's lock."""

    def __init__(self, path: Path, host: str, mark: str) -> None:
        self.path = path
        self._host = host
        self.mark = mark
        self._restart: dict[str, str] | None = None

    def write(self, event: EngineStatusChanged) -> None:
        """What is now, and why the dashboard was last started again. Raises OSError."""
        if event.new.state is EngineState.WAITING:
            self._restart = {"reason": event.new.error, "at": event.at.isoformat()}
        replace_text(self.path, json.dumps(self._facts(event.new), indent=2) + "\n")

    def read(self) -> dict[str, Any]:
        """What the present or the last launcher said; empty if it cannot be read."""
        try:
            found = json.loads(read_text(self.path) or "")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def clear_leftovers(self) -> int:
        """End the server of a launcher that was killed, and what belongs to it; how many there were.

        On Linux the kernel has done so already; elsewhere the server may still live. Call it with the lock held.
        """
        found = self.read()
        mark = found.get("mark")
        count = 0
        if (left := _identity(found.get("process"))) and process_table.is_alive(left):
            count = _end(left)
        return count + (sweep(mark) if isinstance(mark, str) and mark else 0)

    def _facts(self, status: BackendStatus) -> dict[str, Any]:
        return {
            "running": status.running,
            "state": status.state.value,
            "port": status.port,
            "url": address(self._host, status.port),
            "pid": status.pid,
            "error": status.error,
            "start_time": status.start_time.isoformat() if status.start_time else None,
            "restart_count": status.restart_count,
            "exit_code": status.exit_code,
            "restart": self._restart,
            "process": asdict(status.process) if status.process else None,
            "launcher_pid": os.getpid(),
            "mark": self.mark if status.state is not EngineState.STOPPED else "",
        }


def address(host: str, port: int | None) -> str | None:
    """What a person opens in a browser."""
    return f"http://{bracketed(reachable(host))}:{port}" if port else None


def _identity(fields: object) -> ProcessIdentity | None:
    try:
        assert isinstance(fields, dict)
        return ProcessIdentity(int(fields["pid"]), int(fields["start_ticks"]), str(fields["boot_id"]))
    except (AssertionError, KeyError, TypeError, ValueError):
        return None


def _end(process: ProcessIdentity) -> int:
    """KILL one process if it is still the one that was meant."""
    entry = process_table.find(process)
    if entry is None:
        return 0
    process_table.send(entry, signal.SIGKILL)
    return 1
