"""The export program without its libraries: the folder with its record appears, then the record is told."""

import json
from pathlib import Path

from backend.domain.exports import RECORD, ExportOrder, ExportRecord
from backend.domain.run_directory import RunDirectory
from backend.exporters import Verified
from tests.fakes.lines import Said


def exported(line: str) -> list[Said]:
    """What it says to an order."""
    order = ExportOrder.model_validate_json(line)
    record = ExportRecord(
        name=order.name,
        run_id=order.run_id,
        exporter=order.exporter.model_dump(mode="json"),
        base_model=order.base_model.path,
        created_at=order.at,
        verified=Verified(told="It is the same."),
    )
    folder = RunDirectory(Path(order.run_dir)).exports / order.name
    folder.mkdir(parents=True)
    (folder / RECORD).write_text(record.model_dump_json())
    (folder / "weights").write_bytes(bytes(1000))
    return ['{"progress": "Merging"}', json.dumps({"export": record.model_dump(mode="json")}), 0]


def give_result(run_dir: Path) -> None:
    """A finished adapter, as far as services look at it."""
    adapter = RunDirectory(run_dir).adapter
    adapter.mkdir(parents=True, exist_ok=True)
    (adapter / "adapter_model.safetensors").write_bytes(b"")
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "org/name"}))
