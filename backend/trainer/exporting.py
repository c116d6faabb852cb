"""Exporting the result of one run: the bench that exporters work at, and the folder that appears whole."""

import shutil
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from peft import PeftConfig

from backend.base_models.files import BaseFiles, complete, locate
from backend.domain.disk_room import megabytes
from backend.domain.export_errors import ExportBusy, ExportDiffers, ExportNameTaken, ExportNoRoom, ExportRefused
from backend.domain.exports import LOCK, RECORD, ExportOrder, ExportRecord
from backend.domain.run_directory import RunDirectory
from backend.executors.lock_file import held
from backend.exporters import NumberFormat, Verified
from backend.store.checkpoints import digest
from backend.store.leftovers import sweep
from backend.trainer import export_texts
from backend.trainer.export_card import merged_card
from backend.trainer.merging import Merge, chosen_format, needed_bytes
from backend.trainer.one_answer import Say
from backend.trainer.staging import staged

WEIGHTS = "adapter_model.safetensors"
PACKAGES = ("peft", "transformers", "torch", "safetensors")
SPARE_BYTES = 64_000_000  # configuration, tokenizer, and room for others


class LocalBench:
    """The Bench of one order. What exporters write goes below `folder`, beside which the export will be."""

    def __init__(self, order: ExportOrder, exports: Path, say: Say) -> None:
        self._order = order
        self._exports = exports
        self.say = say

    @property
    def source(self) -> Path:
        """The run's adapter."""
        return RunDirectory(Path(self._order.run_dir)).adapter

    @property
    def title(self) -> str:
        """What the run is called."""
        return self._order.title

    @cached_property
    def private(self) -> Mapping[str, str]:
        """Folders of this machine, by what is written in their place."""
        order = self._order
        base = Path(order.base_model.path)
        folders = (*map(Path, order.private), Path(order.run_dir), Path.home())
        found = {str(folder): folder.name for folder in folders if folder.name}
        return found | ({str(base): base.name} if base.is_absolute() else {})

    def need_room(self, num_bytes: int) -> None:
        """Raises ExportNoRoom."""
        free = shutil.disk_usage(self._exports).free
        needed = num_bytes + SPARE_BYTES
        if needed > free:
            raise ExportNoRoom(needed=megabytes(needed), free=megabytes(free), folder=self._exports)

    def clean(self, folder: Path) -> None:
        """Replace folders of this machine by their last names."""
        export_texts.clean(folder, self.private)

    def check_adapter(self, folder: Path) -> Verified:
        """Raises ExportDiffers."""
        found, own = digest(folder / WEIGHTS), digest(self.source / WEIGHTS)
        if found != own:
            raise ExportDiffers(why=f"The weights have the SHA-256 {found}, those of the run {own}.")
        export_texts.check(folder, self.private)
        config = PeftConfig.from_pretrained(str(folder))
        told = (
            f"Unpacked again, the weights are the run's bit for bit (SHA-256 {found[:16]}...), peft reads the "
            f"configuration ({config.peft_type.value}), and no text names a folder of this machine or a key."
        )
        return Verified(told=told, figures={"weights_bytes": float((folder / WEIGHTS).stat().st_size)})

    def merge(self, folder: Path, number_format: NumberFormat) -> Verified:
        """Raises ExportNoRoom, ExportRefused, ExportDiffers, and as loading a base model does."""
        self.say("Looking at the base model")
        files = locate(self._order.base_model, Path(self._order.run_dir))
        if files.has_code:
            why = "The base model runs code of its own, which a merged folder would have to carry along unread."
            raise ExportRefused(run_id=self._order.run_id, exporter=self._order.exporter.name, why=why)
        complete(files)
        precision = chosen_format(files, number_format)
        self.need_room(needed_bytes(files, precision))
        verified = Merge(self._order, files, self.source, folder, precision, self.say).write()
        card = merged_card(self._order, _public(files), precision, verified)
        (folder / "README.md").write_text(card, encoding="utf-8")
        return verified


def export(order: ExportOrder, say: Say) -> ExportRecord:
    """Write exports/NAME of a run. Raises ExportBusy, ExportNameTaken, and what the exporter raises."""
    exports = RunDirectory(Path(order.run_dir)).exports
    exports.mkdir(exist_ok=True)
    with held(exports / LOCK) as is_ours:
        if not is_ours:
            raise ExportBusy(lock=exports / LOCK)
        sweep(exports)  # what a killed program left
        target = exports / order.name
        if target.exists():
            raise ExportNameTaken(name=order.name, why="There is an export of this name already")
        bench = LocalBench(order, exports, say)
        with staged(target, before_rename=lambda folder: export_texts.check(folder, bench.private)) as folder:
            record = _record(order, order.exporter.write(bench, folder))
            say("Waiting for the disk")
            (folder / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return record


def _record(order: ExportOrder, verified: Verified) -> ExportRecord:
    base = Path(order.base_model.path)
    return ExportRecord(
        name=order.name,
        run_id=order.run_id,
        exporter=order.exporter.model_dump(mode="json"),
        base_model=base.name if base.is_absolute() else order.base_model.path,
        created_at=order.at,
        verified=verified,
        versions={name: found for name in PACKAGES if (found := _version(name))},
    )


def _public(files: BaseFiles) -> str:
    return files.name if files.is_remote else Path(files.name).name


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
