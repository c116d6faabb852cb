"""Where everything of a run lies."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

RUN_ID = re.compile(r"^[a-z0-9][a-z0-9-]{0,63}$")


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The paths of one run; see the architecture page for who writes which file."""

    root: Path

    @property
    def config(self) -> Path:
        """The RunConfig, written once."""
        return self.root / "run.yaml"

    @property
    def record(self) -> Path:
        """The store's row, attempts and journal as JSON, so that a lost store can be rebuilt."""
        return self.root / "record.json"

    @property
    def heartbeat(self) -> Path:
        """The trainer's sign of life."""
        return self.root / "heartbeat"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor for life."""
        return self.root / "supervisor.lock"

    @property
    def trainer_lock(self) -> Path:
        """Held by the trainer and its children for life."""
        return self.root / "trainer.lock"

    @property
    def standby_lock(self) -> Path:
        """Held by the warm standby while it waits."""
        return self.root / "standby.lock"

    @property
    def imports(self) -> Path:
        """The modules that the run's trainer had imported when it wrote its first checkpoint, one a line."""
        return self.root / "imports.txt"

    @property
    def fence(self) -> Path:
        """The token of the one attempt that may write checkpoints; written by the supervisor."""
        return self.root / "attempt.json"

    @property
    def adjustments(self) -> Path:
        """What was changed of run.yaml's orders and why; written by whoever holds `supervisor_lock`."""
        return self.root / "adjustments.json"

    @property
    def reserve(self) -> Path:
        """Room that the supervisor holds during an attempt, to be able to record its end on a full disk."""
        return self.root / ".reserve"

    @property
    def logs(self) -> Path:
        """One log per attempt, and the supervisor's."""
        return self.root / "logs"

    @property
    def tensorboard(self) -> Path:
        """Event files."""
        return self.root / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        """checkpoint-N folders."""
        return self.root / "checkpoints"

    @property
    def adapter(self) -> Path:
        """The final result of a method that makes an adapter."""
        return self.root / "adapter"

    @property
    def model(self) -> Path:
        """The final result of full and freeze fine-tuning: a whole model."""
        return self.root / "model"

    def log(self, attempt: int) -> Path:
        """Standard output and error of one attempt."""
        return self.logs / f"attempt-{attempt:03d}.log"

    def exit_record(self, attempt: int) -> Path:
        """How an attempt ended by its own account; absent after a kill."""
        return self.logs / f"attempt-{attempt:03d}.exit.json"

    def memory(self, attempt: int) -> Path:
        """What an attempt took of the memory, written by its trainer; a MemoryRecord."""
        return self.logs / f"attempt-{attempt:03d}.memory.json"

    def remarks(self, attempt: int) -> Path:
        """What an attempt's trainer had to say; its supervisor copies it into the journal."""
        return self.logs / f"attempt-{attempt:03d}.remarks.jsonl"

    @property
    def standby_log(self) -> Path:
        """What waiting trainers said before they were started."""
        return self.logs / "standby.log"

    @property
    def supervisor_log(self) -> Path:
        """What the supervisors of this run said."""
        return self.logs / "supervisor.log"


def new_run_id(name: str, now: datetime) -> str:
    """A sortable folder name: time, a readable stem of the name, four random hex digits."""
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24].strip("-") or "run"
    return f"{now:%Y%m%d-%H%M%S}-{stem}-{secrets.token_hex(2)}"
