"""The commands that install packages into the environment that runs the studio."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pip:
    """The pip of one interpreter, keeping to pinned versions where there are any."""

    python: str
    constraints: Path | None = None

    def install(self, *requirements: str, wheels: str = "") -> tuple[str, ...]:
        """`wheels` is the address of an index with builds of the same versions; it then replaces what is there."""
        if wheels:
            return (*self._pip, "--force-reinstall", "--no-deps", *requirements, "-i", wheels)
        pinned = () if self.constraints is None else ("-c", str(self.constraints))
        return (*self._pip, *requirements, *pinned)

    def reinstall(self, name: str, version: str) -> tuple[str, ...]:
        """The same version once more."""
        return (*self._pip, "--force-reinstall", "--no-deps", f"{name}=={version}")

    @property
    def _pip(self) -> tuple[str, ...]:
        return (self.python, "-m", "pip", "install")


def told(command: Sequence[str]) -> str:
    """As a person types it into a shell."""
    return f"Run: {shlex.join(command)}"
