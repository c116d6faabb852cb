"""Run folders on a local disk."""

import re
import secrets
import shutil
from pathlib import Path

from backend.domain.heartbeat import Heartbeat
from backend.domain.run_directory import RunDirectory
from backend.store import log_files
from backend.store.checkpoints import sealed
from backend.store.errors import RunFolderNotMade
from backend.store.files import read_text, replace_text, sync_folder

_CONTROL = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[@-Z\\^_])|[\x00-\x08\x0b-\x1f\x7f]")


class LocalRunFiles:
    """The RunFiles port over the file system."""

    def create(self, run_dir: Path, config_text: str) -> None:
        """Build the folder beside its place and rename it: it is there whole or not at all.

        Raises RunFolderNotMade.
        """
        staging = run_dir.with_name(f".new-{run_dir.name}-{secrets.token_hex(4)}")
        try:
            run_dir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            staging.mkdir(mode=0o700)
            for folder in ("logs", "tensorboard", "checkpoints"):
                (staging / folder).mkdir()
            replace_text(staging / "run.yaml", config_text)
            staging.rename(run_dir)
        except OSError as error:
            shutil.rmtree(staging, ignore_errors=True)
            raise RunFolderNotMade(run_dir=run_dir, reason=error.strerror or error) from error
        sync_folder(run_dir.parent)

    def discard(self, run_dir: Path) -> None:
        """Take back a folder that `create` has just made."""
        shutil.rmtree(run_dir, ignore_errors=True)

    def config_text(self, run_dir: Path) -> str | None:
        """run.yaml, or None if it is gone."""
        return read_text(RunDirectory(run_dir).config)

    def heartbeat(self, run_dir: Path) -> Heartbeat | None:
        """The newest sign of life of any attempt."""
        text = read_text(RunDirectory(run_dir).heartbeat)
        return Heartbeat.from_json(text) if text else None

    def last_checkpoint_step(self, run_dir: Path) -> int | None:
        """The step of the newest sealed checkpoint; its bytes are verified when it is resumed from."""
        found = sealed(RunDirectory(run_dir).checkpoints)
        return found[0].step if found else None

    def log(self, run_dir: Path, attempt: int, max_bytes: int) -> str:
        """The end of an attempt's log over all its parts, cut at a line, without terminal control sequences."""
        try:
            found = log_files.tail(RunDirectory(run_dir).log(attempt), max_bytes)
        except OSError:
            return ""
        text = found.decode("utf-8", errors="replace")
        lines = (line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n"))
        return _CONTROL.sub("", "\n".join(lines))

    def log_parts(self, run_dir: Path, attempt: int) -> tuple[Path, ...]:
        """The files of an attempt's whole log that are there, in the order in which they were written."""
        return tuple(part for part in log_files.parts(RunDirectory(run_dir).log(attempt)) if part.is_file())

    def log_bytes(self, run_dir: Path, attempt: int) -> int:
        """The length of an attempt's whole log; 0 if there is none."""
        return log_files.num_bytes(RunDirectory(run_dir).log(attempt))

    def has_adapter(self, run_dir: Path) -> bool:
        """Whether the final result is there."""
        run = RunDirectory(run_dir)
        return (run.adapter / "adapter_model.safetensors").is_file() or (run.model / "config.json").is_file()

    def trash(self, run_dir: Path, trash_folder: Path) -> Path:
        """Move a run's folder into the trash, and say where it is now."""
        trash_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = trash_folder / f"{run_dir.name}-{secrets.token_hex(2)}"
        return Path(shutil.move(run_dir, target))
