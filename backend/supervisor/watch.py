"""Watching one trainer to its end: wishes, signs of life, and the way from TERM to KILL."""

from collections.abc import Callable
from dataclasses import dataclass

from backend.domain.heartbeat import Heartbeat
from backend.domain.ports import Clock, Executor, Exit
from backend.domain.run import ProcessIdentity
from backend.domain.states import Wish
from backend.supervisor.rules import Rules, Silence


@dataclass(frozen=True, slots=True)
class Seen:
    """How a watched trainer ended, and whether that was our doing."""

    exit: Exit
    was_hung: bool = False
    was_killed_to_stop: bool = False


class Watch:
    """One trainer, from now until it is gone.

    `look` gives the newest heartbeat, `wish` what a person wants now. `asking` is called whenever that became
    another one than to run, before the trainer is asked to end; `hung` once, before a silent one is killed;
    `tick` on each round, and it may raise to leave.
    """

    def __init__(
        self,
        process: ProcessIdentity,
        executor: Executor,
        clock: Clock,
        rules: Rules,
        *,
        look: Callable[[], Heartbeat | None],
        wish: Callable[[], Wish],
        asking: Callable[[Wish], None],
        tick: Callable[[], None],
        hung: Callable[[], None],
    ) -> None:
        self._process = process
        self._executor = executor
        self._clock = clock
        self._rules = rules
        self._look = look
        self._wish = wish
        self._asking = asking
        self._tick = tick
        self._hung = hung
        self._silence = Silence(rules, clock)
        self._deadline: float | None = None
        self._heeded = Wish.RUN
        self._was_hung = False
        self._was_killed_to_stop = False

    def until_end(self) -> Seen:
        """Watch; a trainer that was asked to end may be silent, but not for longer than its grace."""
        while (ended := self._executor.wait(self._process, self._rules.poll_seconds)) is None:
            self._tick()
            self._heed_wish()
            self._heed_silence()
            if self._was_hung or self._was_killed_to_stop:
                self._executor.kill(self._process)
        return Seen(ended, was_hung=self._was_hung, was_killed_to_stop=self._was_killed_to_stop)

    def _heed_wish(self) -> None:
        """It is asked once, and the grace counts from then on, whatever a person wants afterwards."""
        wish = self._wish()
        if wish not in (Wish.RUN, self._heeded):
            self._heeded = wish
            self._asking(wish)
            if self._deadline is None and wish is not Wish.STOP_NOW:
                self._deadline = self._clock.monotonic() + self._rules.stop_grace_seconds
                self._executor.terminate(self._process)
        is_overdue = self._deadline is not None and self._clock.monotonic() >= self._deadline
        self._was_killed_to_stop = self._was_killed_to_stop or is_overdue or self._heeded is Wish.STOP_NOW

    def _heed_silence(self) -> None:
        heartbeat = self._look()
        if self._deadline is None and not self._was_hung and self._silence.is_too_long(heartbeat):
            self._hung()
            self._was_hung = True
