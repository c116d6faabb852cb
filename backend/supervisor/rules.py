"""How a supervisor treats its trainer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

from backend.domain.decisions import Policy
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.ports import Clock
from backend.domain.run import ProcessIdentity


@dataclass(frozen=True, slots=True)
class HangLimits:
    """Seconds without a sign of life after which a trainer counts as hanging, by what it does."""

    loading_seconds: float = 3600.0
    training_seconds: float = 600.0
    evaluating_seconds: float = 3600.0
    saving_seconds: float = 3600.0
    ending_seconds: float = 3600.0

    def of(self, phase: Phase) -> float:
        """Building the demo model and preparing the data count as loading."""
        match phase:
            case Phase.LOADING | Phase.BUILDING | Phase.PREPARING:
                return self.loading_seconds
            case Phase.TRAINING:
                return self.training_seconds
            case Phase.EVALUATING:
                return self.evaluating_seconds
            case Phase.SAVING:
                return self.saving_seconds
            case Phase.ENDING:
                return self.ending_seconds
            case _:
                assert_never(phase)


@dataclass(frozen=True, slots=True)
class StandbyRule:
    """When a warm standby is kept: so long after the first steady step, and while so much memory is left beside it."""

    is_wanted: bool = False
    after_seconds: float = 5.0
    min_free_bytes: int = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """`poll_seconds` is the longest time until a wish, a heartbeat or a signal to leave is noticed.

    `chance` gives numbers from 0 to 1, by which waits differ a little.
    """

    policy: Policy = field(default_factory=Policy)
    stop_grace_seconds: float = 30.0
    hang: HangLimits = field(default_factory=HangLimits)
    standby: StandbyRule = field(default_factory=StandbyRule)
    poll_seconds: float = 0.25
    chance: Callable[[], float] = lambda: 0.0
    log_max_bytes: int = 50_000_000
    min_free_bytes: int = 0

    def hang_limit(self, heartbeat: Heartbeat | None) -> float:
        """Seconds of silence allowed; before the first heartbeat a trainer is loading."""
        return self.hang.of(heartbeat.phase if heartbeat else Phase.LOADING)


@dataclass(frozen=True, slots=True)
class WaitingTrainer:
    """A process that waits already, and the token of the attempt that it may become."""

    process: ProcessIdentity
    token: str


@dataclass(frozen=True, slots=True)
class TrainerProgram:
    """What to start, the environment that is the same for each attempt; the run directory is appended.

    `waiting` is the program that imports what the other one needs, and then waits to become it; () for none.
    `spare` waits already, as one for any run.
    """

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    spare: WaitingTrainer | None = None

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
