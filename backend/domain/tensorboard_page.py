"""TensorBoard's own page: whether it is there, and the port through which that is found out."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class TensorBoardProbe(Protocol):
    """What is to be known of the loopback address and of the installed packages."""

    def is_answering(self, port: int, token: str, folder: Path) -> bool:
        """Whether a TensorBoard of this very folder answers there, below the path /token/."""

    def free_port(self) -> int:
        """One that nobody listens on now."""

    def is_free(self, port: int) -> bool:
        """Whether a server could listen there now."""

    def is_looked_at(self, pid: int, port: int) -> bool:
        """Whether somebody is connected to a process at a port, or was a moment ago."""

    def is_installed(self) -> bool:
        """Whether the package is there."""

    def is_fast(self) -> bool:
        """Whether TensorBoard's own data server is there."""


class Stage(StrEnum):
    """What there is of a TensorBoard."""

    OFF = "off"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Showing:
    """A TensorBoard of some log directories: its address once it is ready, and why it failed if it did.

    `is_ours` is False if another program of the workspace has started it; it ends with that one.
    """

    stage: Stage
    url: str = ""
    reason: str = ""
    is_ours: bool = True
