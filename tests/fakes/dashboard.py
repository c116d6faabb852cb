"""The services as the HTTP routes see them, small and scripted."""

from dataclasses import dataclass, field

from backend.domain.cuda_truth import CudaTruth
from backend.domain.curves import Curves
from backend.domain.memory_fit import RunMemory
from backend.domain.run import Run
from backend.domain.run_view import RunView
from backend.errors import NotFoundError, StudioError
from backend.services.dependencies import DependencyService
from backend.services.error_catalogue import ErrorCatalogue
from backend.services.error_handler import ErrorHandler
from backend.services.event_bus import EventBus
from backend.services.hardware import HardwareService
from backend.services.startup import StartupService
from tests.fakes.clock import FakeClock
from tests.fakes.machine import FakeMachine, FakePackages
from tests.fakes.runs import a_run


class RunUnknown(NotFoundError):
    """What the fake says for a run it does not have."""

    id = "fake-run-unknown"
    what = "There is no run {run_id}."


def a_view(run_id: str = "a-run", **facts: object) -> RunView:
    given = {
        "run": a_run(run_id),
        "step": 0,
        "total_steps": 0,
        "last_checkpoint_step": None,
        "has_adapter": False,
        "supervisor_pid": None,
        "trainer_pid": None,
        "heartbeat": None,
    }
    return RunView(**(given | facts))


@dataclass
class FakeStatus:
    """Runs by id; `failure` is raised instead of an answer."""

    views: dict[str, RunView] = field(default_factory=dict)
    failure: Exception | None = None

    def list(self) -> tuple[RunView, ...]:
        if self.failure:
            raise self.failure
        return tuple(self.views.values())

    def show(self, run_id: str) -> RunView:
        if run_id not in self.views:
            raise RunUnknown(run_id=run_id)
        return self.views[run_id]


@dataclass
class FakeProcesses:
    """Counts who looked after the runs."""

    reconciled: int = 0
    failure: StudioError | None = None

    def reconcile(self) -> None:
        self.reconciled += 1
        if self.failure:
            raise self.failure


@dataclass
class FakeJournal:
    """Counts the looks."""

    looks: int = 0

    def look(self) -> int:
        self.looks += 1
        return 0


@dataclass
class FakeSources:
    """Curves by the name of their source."""

    found: dict[str, Curves] = field(default_factory=dict)

    def curves(self, source: str) -> Curves:
        if source not in self.found:
            raise RunUnknown(run_id=source.removeprefix("run:"))
        return self.found[source]


@dataclass
class FakeTruths:
    """What torch said, if it was asked."""

    said: CudaTruth | None = None

    def look(self) -> CudaTruth | None:
        return self.said


@dataclass
class FakeForecasts:
    """What a run took, and what is forecast for it."""

    known: RunMemory = field(default_factory=lambda: RunMemory(None, None))

    def of_run(self, _run: Run) -> RunMemory:
        return self.known


@dataclass
class FakeServices:
    """The fields of Services that the server itself uses."""

    status: FakeStatus = field(default_factory=FakeStatus)
    processes: FakeProcesses = field(default_factory=FakeProcesses)
    journal: FakeJournal = field(default_factory=FakeJournal)
    sources: FakeSources = field(default_factory=FakeSources)
    bus: EventBus = field(default_factory=lambda: EventBus(FakeClock()))
    catalogue: ErrorCatalogue = field(default_factory=ErrorCatalogue)
    hardware: HardwareService = field(default_factory=lambda: HardwareService(FakeMachine(), FakeClock()))
    startup: StartupService = field(default_factory=lambda: StartupService(FakeClock()))
    memory_forecasts: FakeForecasts = field(default_factory=FakeForecasts)
    cuda_truth: FakeTruths = field(default_factory=FakeTruths)
    dependencies: DependencyService = field(
        default_factory=lambda: DependencyService(
            FakePackages({"torch": "2.13.0"}, ["torch>=2.13", "peft"]), FakeMachine()
        )
    )


@dataclass
class FakeContainer:
    """A container that was built by hand; `failure` is raised when the services are asked for."""

    the_services: FakeServices = field(default_factory=FakeServices)
    failure: StudioError | None = None
    is_shut_down: bool = False

    def services(self) -> FakeServices:
        if self.failure:
            raise self.failure
        return self.the_services

    def errors(self) -> ErrorHandler:
        return ErrorHandler(EventBus(FakeClock()), FakeClock())

    def shutdown_resources(self) -> None:
        self.is_shut_down = True
