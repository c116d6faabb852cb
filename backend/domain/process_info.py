"""A started program as it is shown: what was called, where, with which variables, and how it does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from backend.domain.run import ProcessIdentity

_SECRET = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|KEY|URL|PROXY", re.IGNORECASE)


class ProcessStatus(StrEnum):
    """How a program does."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """`identity` holds pid and start time, so that a reused pid is never taken for it."""

    identity: ProcessIdentity
    command: str
    args: tuple[str, ...]
    cwd: str
    start_time: datetime
    status: ProcessStatus
    env: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def pid(self) -> int:
        """The process id."""
        return self.identity.pid

    @property
    def shown_env(self) -> dict[str, str]:
        """The variables with the values of what may be secret replaced."""
        return {name: "***" if _SECRET.search(name) else value for name, value in sorted(self.env.items())}
