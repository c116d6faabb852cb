"""What the buttons of a run do, on whichever page they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.links import open_view
from app.notices import attempt, say
from backend.domain.tensorboard_page import Showing
from backend.services.bundle import Services

OnRun = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Acts:
    """Each takes a run's id first; a refusal becomes a notice on the page that is drawn next."""

    pause: OnRun
    pause_and_keep: OnRun
    stop: OnRun
    stop_now: OnRun
    resume: OnRun
    start_over: OnRun
    extend: Callable[[str, int], None]
    fork: Callable[[str, int, Sequence[str], str], None]
    steps: Callable[[str], Sequence[int]]


@dataclass(frozen=True, slots=True)
class TensorBoardActs:
    """What can be asked about the TensorBoard of some log directories; a refusal becomes a notice."""

    showing: Callable[[], Showing]
    start: Callable[[], None]
    stop: Callable[[], None]
    is_offered: bool = True


def tensorboard_acts(services: Services, directories: Mapping[str, Path]) -> TensorBoardActs:
    """For these directories, by the names that TensorBoard shall show."""
    server = services.tensorboard
    return TensorBoardActs(
        showing=lambda: server.showing(directories),
        start=lambda: attempt(server.start, directories),
        stop=lambda: attempt(server.stop, directories),
        is_offered=services.settings.current().flags.tensorboard,
    )


def acts_of(services: Services) -> Acts:
    """The buttons' deeds over these services; who makes a new run is led to it."""
    training, branching = services.training, services.branching

    def start_over(run_id: str) -> None:
        open_view("monitor", run=branching.start_over(run_id).id)

    def extend(run_id: str, steps: int) -> None:
        branching.extend(run_id, steps)
        say(f"The run goes on for {steps:,} more steps; its result so far is kept beside.")

    def fork(run_id: str, step: int, settings: Sequence[str], name: str) -> None:
        changes = services.configs.changes(settings)
        open_view("monitor", run=branching.fork(run_id, step, changes, name).id)

    return Acts(
        pause=lambda run_id: attempt(training.pause, run_id),
        pause_and_keep=lambda run_id: attempt(training.pause, run_id, True),
        stop=lambda run_id: attempt(training.stop, run_id),
        stop_now=lambda run_id: attempt(training.stop_now, run_id),
        resume=lambda run_id: attempt(training.resume, run_id),
        start_over=lambda run_id: attempt(start_over, run_id),
        extend=lambda run_id, steps: attempt(extend, run_id, steps),
        fork=lambda run_id, step, settings, name: attempt(fork, run_id, step, settings, name),
        steps=branching.steps,
    )
