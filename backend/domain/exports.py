"""What the export program is ordered, and what an export tells of itself afterwards."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from backend.domain.run_config import BaseModelChoice, RunConfig
from backend.exporters import AnyExporter, Verified
from backend.spec import Frozen

EXPORT_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
RECORD = "export.json"  # in the folder of every export
LOCK = ".lock"  # in exports/: held by the program that writes there
MOST_RECORD_BYTES = 1_000_000


class ExportOrder(Frozen):
    """What the program writes: the result of the run in `run_dir`, into exports/`name`.

    `base_model` is what the adapter was really trained on; `private` are folders of this machine that no exported
    text may name.
    """

    run_dir: str
    run_id: str
    name: str = Field(pattern=f"^{EXPORT_NAME.pattern}$")
    title: str = Field(pattern=f"^{EXPORT_NAME.pattern}$")
    exporter: AnyExporter
    base_model: BaseModelChoice
    config: RunConfig
    private: tuple[str, ...] = ()
    at: str


class ExportRecord(Frozen):
    """export.json: where an export comes from (UTC time), how it was made, and what was verified."""

    schema_version: Literal[1] = 1
    name: str
    run_id: str
    exporter: Mapping[str, object]
    base_model: str
    created_at: str
    verified: Verified
    versions: Mapping[str, str] = {}

    @property
    def kind(self) -> str:
        """The name of the exporter, which may belong to a plugin that is gone."""
        return str(self.exporter.get("name", ""))


@dataclass(frozen=True, slots=True)
class Export:
    """One export of a run; `record` is None where its export.json cannot be read."""

    name: str
    folder: Path
    size_bytes: int
    record: ExportRecord | None

    def to_json(self) -> dict[str, object]:
        """For the command line."""
        told = self.record.model_dump(mode="json") if self.record else {}
        return {**told, "name": self.name, "folder": str(self.folder), "size_bytes": self.size_bytes}


@dataclass(frozen=True, slots=True)
class Peers:
    """How far others are from base and adapter on one prompt: the written model, and the base alone.

    A distance is the largest difference of two logits, divided by the standard deviation of the logits.
    """

    merged: float
    base: float
    tolerance: float

    @property
    def are_equal(self) -> bool:
        """Within the tolerance, and at most half as far as the base: a merge that did nothing is no merge."""
        return self.merged <= self.tolerance and (self.base <= self.tolerance or self.merged <= self.base / 2)
