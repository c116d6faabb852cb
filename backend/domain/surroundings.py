"""What stands around the studio's packages: where they came from, caches, network and token; and how it is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.domain.machine import PythonRuntime


@dataclass(frozen=True, slots=True)
class Distribution:
    """One metadata folder of an installed package; `name` is normalised (PEP 503).

    `version` is None if the metadata cannot be read. `origin` is the address it was installed from if that was no
    index (direct_url.json, PEP 610), "" otherwise, without what looks like a secret.
    """

    name: str
    version: str | None
    folder: str
    origin: str = ""
    is_editable: bool = False


@dataclass(frozen=True, slots=True)
class CacheFolder:
    """Where something is kept that grows; bytes are those free on its disk."""

    title: str
    path: Path
    free_bytes: int


@dataclass(frozen=True, slots=True)
class HubAccess:
    """How the hub would be asked. `offline_because` names the switch, "" if it may be asked.

    `token_from` says where a token was found, "" if nowhere; its value is never read into here.
    `exposed_token` is a token's file that others may read.
    """

    endpoint: str
    offline_because: str = ""
    token_from: str = ""
    exposed_token: Path | None = None
    proxy: str = ""


class Surroundings(Protocol):
    """Reads files and variables; asks nothing of any network."""

    def distributions(self) -> Sequence[Distribution]:
        """Every metadata folder on the path, in its order."""

    def caches(self) -> Sequence[CacheFolder]:
        """Folders that downloads and runs fill."""

    def hub(self) -> HubAccess:
        """The variables and files that decide."""

    def pythons(self) -> Sequence[PythonRuntime]:
        """The interpreters on PATH, by asking each for its version."""

    def constraints(self) -> Path | None:
        """The pinned versions, if the studio runs from its source folder."""
