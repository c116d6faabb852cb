"""What an attempt leaves in its run directory, and what the next one needs from there."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Heartbeat
from backend.domain.ports import RunFiles
from backend.domain.run_directory import RunDirectory
from backend.store.checkpoints import Checkpoint, damage, sealed
from backend.store.files import read_text, replace_text

_TAIL_BYTES = 65_536
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The files of one run, as its supervisor reads them."""

    run_dir: Path
    files: RunFiles

    @property
    def folder(self) -> RunDirectory:
        """Where they lie."""
        return RunDirectory(self.run_dir)

    def has_config(self) -> bool:
        """Whether the run's order is there."""
        return self.folder.config.is_file()

    def heartbeat(self) -> Heartbeat | None:
        """The newest sign of life of any attempt."""
        return self.files.heartbeat(self.run_dir)

    def exit_record(self, attempt: int) -> ExitRecord | None:
        """An attempt's own account of its end."""
        text = read_text(self.folder.exit_record(attempt))
        return ExitRecord.from_json(text) if text else None

    def has_result(self) -> bool:
        """Whether the run's adapter or model is there."""
        return self.files.has_adapter(self.run_dir)

    def log_tail(self, attempt: int) -> str:
        """The last 64 KiB of an attempt's log."""
        return self.files.log(self.run_dir, attempt, _TAIL_BYTES)

    def log_bytes(self, attempt: int) -> int:
        """How long an attempt's log is."""
        try:
            return self.folder.log(attempt).stat().st_size
        except OSError:
            return 0

    def resume_step(self) -> int | None:
        """The step of the newest checkpoint whose every byte is as it was sealed."""
        for checkpoint in sealed(self.folder.checkpoints):
            if _is_whole(checkpoint):
                return checkpoint.step
        return None

    def fence(self, number: int, token: str) -> None:
        """From now on only this attempt may write checkpoints; what an older one of its number said is no evidence."""
        self.folder.exit_record(number).unlink(missing_ok=True)
        self.folder.remarks(number).unlink(missing_ok=True)
        replace_text(self.folder.fence, json.dumps({"number": number, "token": token}))


def _is_whole(checkpoint: Checkpoint) -> bool:
    why = damage(checkpoint)
    if why:
        _log.warning("%s is not used: %s", checkpoint.path, why)
    return why is None
