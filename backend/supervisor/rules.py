"""How a supervisor treats its trainer."""

from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.decisions import Policy
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.ports import Clock


@dataclass(frozen=True, slots=True)
class Rules:
    """`poll_seconds` is the longest time until a wish, a heartbeat or a signal to leave is noticed."""

    policy: Policy = field(default_factory=Policy)
    stop_grace_seconds: float = 30.0
    hang_training_seconds: float = 600.0
    hang_other_seconds: float = 3600.0
    poll_seconds: float = 0.25
    log_max_bytes: int = 50_000_000
    min_free_bytes: int = 0

    def hang_limit(self, heartbeat: Heartbeat | None) -> float:
        """Seconds of silence allowed; before the first heartbeat the longer limit holds."""
        is_training = heartbeat is not None and heartbeat.phase is Phase.TRAINING
        return self.hang_training_seconds if is_training else self.hang_other_seconds


@dataclass(frozen=True, slots=True)
class TrainerProgram:
    """What to start, the environment that is the same for each attempt; the run directory is appended."""

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    def command_line(self, run_dir: Path) -> tuple[str, ...]:
        """The argument list for one run."""
        return (*self.argv, str(run_dir))


class Silence:
    """How long a trainer has shown no new sign of life, by our own clock: jumps of the date do not count."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self._last: Heartbeat | None = None
        self._since = clock.monotonic()

    def is_too_long(self, heartbeat: Heartbeat | None) -> bool:
        """Take note of the newest heartbeat; whether the last change is older than the limit of its phase."""
        now = self._clock.monotonic()
        if heartbeat != self._last:
            self._last, self._since = heartbeat, now
        return now - self._since > self._rules.hang_limit(self._last)
