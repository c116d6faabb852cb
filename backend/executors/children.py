"""The children that this process started, each waited for in a thread of its own: none becomes a zombie."""

import subprocess
import threading
from dataclasses import dataclass, field

from backend.domain.ports import Exit
from backend.domain.run import ProcessIdentity


@dataclass(slots=True)
class _Child:
    process: subprocess.Popen[bytes]
    is_over: threading.Event = field(default_factory=threading.Event)


class Children:
    """Exit codes of our own children, whenever somebody asks."""

    def __init__(self) -> None:
        self._children: dict[ProcessIdentity, _Child] = {}

    def adopt(self, identity: ProcessIdentity, process: subprocess.Popen[bytes]) -> None:
        """Wait for a child from now on."""
        child = self._children[identity] = _Child(process)
        threading.Thread(target=_reap, args=(child,), name=f"reaper-{identity.pid}", daemon=True).start()

    def knows(self, identity: ProcessIdentity) -> bool:
        """Whether this process is or was a child of ours."""
        return identity in self._children

    def wait(self, identity: ProcessIdentity, timeout_seconds: float) -> Exit | None:
        """The exit of a child of ours, or None after the timeout."""
        child = self._children[identity]
        return Exit(child.process.returncode) if child.is_over.wait(timeout_seconds) else None

    def pids(self) -> set[int]:
        """Children that were not seen to end yet."""
        return {i.pid for i, child in list(self._children.items()) if not child.is_over.is_set()}


def _reap(child: _Child) -> None:
    child.process.wait()
    child.is_over.set()
