"""A run without its record, rebuilt from run.yaml, its logs, its checkpoints and its adapter."""

import json
import re
import struct
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from backend.domain.exit_record import ExitRecord
from backend.domain.ports import RunRecord
from backend.domain.run import Attempt, Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.store.checkpoints import sealed
from backend.store.errors import RecordUnreadable
from backend.store.files import read_bounded, read_text
from config.yaml_files import YamlError, read_yaml

_LOG = re.compile(r"^attempt-(\d{3,9})\.log$")
_ID_TIME = re.compile(r"^(\d{8}-\d{6})-")
_REASON = "Rebuilt from its log; both times are when the log was last written."
_MAX_HEADER_BYTES = 100_000_000


def rebuilt(folder: Path) -> RunRecord:
    """The run of a folder. Nobody knows what was wished: an unfinished one waits until a person resumes it.

    Raises RecordUnreadable if run.yaml is missing or no RunConfig.
    """
    config = _config(folder)
    directory = RunDirectory(folder)
    is_finished = is_complete_adapter(directory.adapter) or is_complete_model(directory.model)
    run = Run(
        id=folder.name,
        name=config.name,
        run_dir=folder,
        state=RunState.FINISHED if is_finished else RunState.STOPPED,
        wish=Wish.STOP,
        created_at=_created_at(directory),
        updated_at=_written_at(directory.config),
        message=_message(directory, is_finished=is_finished),
        method=config.method.name,
        base_model=config.base_model.path,
        dataset=config.dataset.path,
        attempts=_attempts(directory),
    )
    return RunRecord(run)


def is_complete_model(folder: Path) -> bool:
    """Whether a whole model is there; its folder appears at once, by a rename."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def is_complete_adapter(folder: Path) -> bool:
    """Whether both files are there and the weights have every byte that their header announces.

    Format: https://huggingface.co/docs/safetensors (8 bytes little-endian header length, JSON header, data).
    """
    weights = folder / "adapter_model.safetensors"
    try:
        json.loads(read_bounded(folder / "adapter_config.json", _MAX_HEADER_BYTES))
        with weights.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(length, _MAX_HEADER_BYTES)))
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        return bool(ends) and weights.stat().st_size == 8 + length + max(ends)
    except (OSError, ValueError, struct.error, KeyError, TypeError, IndexError, AttributeError):
        return False


def _config(folder: Path) -> RunConfig:
    try:
        return RunConfig.model_validate(read_yaml(RunDirectory(folder).config))
    except FileNotFoundError as error:
        raise RecordUnreadable(folder=folder, detail="It has no record.json and no run.yaml.") from error
    except (OSError, YamlError, ValidationError) as error:
        detail = f"Its record.json is missing or torn, and its run.yaml cannot be read: {error}"
        raise RecordUnreadable(folder=folder, detail=detail) from error


def _attempts(directory: RunDirectory) -> tuple[Attempt, ...]:
    """Attempts by their logs, so that the next one gets a new number and a new log."""
    if not directory.logs.is_dir():
        return ()
    names = (_LOG.match(path.name) for path in directory.logs.iterdir())
    return tuple(_attempt(directory, number) for number in sorted(int(name[1]) for name in names if name))


def _attempt(directory: RunDirectory, number: int) -> Attempt:
    at = _written_at(directory.log(number))
    known = ExitRecord.from_json(read_text(directory.exit_record(number)) or "")
    return Attempt(
        number=number,
        token="",
        started_at=at,
        ended_at=at,
        exit_code=known.code if known else None,
        last_step=known.step if known else None,
        reason=_REASON,
    )


def _message(directory: RunDirectory, *, is_finished: bool) -> str:
    if is_finished:
        return "Found again by its folder; its record was lost, its adapter is complete."
    checkpoints = sealed(directory.checkpoints)
    start = f"go on from step {checkpoints[0].step}" if checkpoints else "start from the beginning"
    return f"Found again by its folder; its record was lost. Resume it to {start}."


def _created_at(directory: RunDirectory) -> datetime:
    """The time in the id, or when run.yaml was written."""
    stamp = _ID_TIME.match(directory.root.name)
    with suppress(ValueError):
        if stamp is not None:
            return datetime.strptime(stamp[1] + "+0000", "%Y%m%d-%H%M%S%z")
    return _written_at(directory.config)


def _written_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
