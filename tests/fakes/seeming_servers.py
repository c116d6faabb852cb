"""Servers that only seem to run, and a clock that only moves when somebody waits."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from backend.domain.engine import BackendStatus, EnginePolicy, EngineState, EngineStatusChanged
from backend.domain.run import ProcessIdentity
from backend.launcher.manager import BackendServiceManager, ServerCommand
from tests.fakes.clock import FakeClock


@dataclass
class FakeServer:
    """Ends by itself at a time; answers checks in a span of its life; may ignore TERM. Waiting moves the clock."""

    clock: FakeClock
    number: int
    ends_at: float = float("inf")
    code: int = 1
    well_from: float = 2.0
    well_until: float = float("inf")
    ignores_term: bool = False
    calls: list[str] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        self.born = self.clock.monotonic()
        self.identity = ProcessIdentity(self.number, self.number, "boot")
        environment = {"HF_TOKEN": "a secret", "PATH": "/bin"}
        self.command = ServerCommand(("python", "-m", "streamlit"), Path("/here"), environment)

    def wait(self, seconds: float) -> int | None:
        left = max(0.0, self.born + self.ends_at - self.clock.monotonic())
        self.clock.advance(0 if self.is_over else min(seconds, left))
        if not self.is_over and self.clock.monotonic() >= self.born + self.ends_at:
            self.is_over = True
        return self.code if self.is_over else None

    def is_well(self) -> bool:
        return not self.is_over and self.well_from <= self.clock.monotonic() - self.born < self.well_until

    def ask_to_end(self) -> None:
        self.calls.append("ask")
        if not self.ignores_term:
            self.is_over, self.code = True, -15

    def kill(self) -> None:
        self.calls.append("kill")
        self.is_over, self.code = True, -9

    def clear(self) -> None:
        self.calls.append("clear")

    def last_words(self) -> str:
        return f"words of {self.number}"


class Desk:
    """A BackendServiceManager over them; plans say how each of its servers behaves, failures that one cannot be started."""

    def __init__(self, port: int = 8000) -> None:
        self.port = port
        self.clock = FakeClock()
        self.servers: list[FakeServer] = []
        self.plans: list[dict[str, object]] = []
        self.asked: list[int | None] = []
        self.failures: list[Exception] = []
        self.events: list[EngineStatusChanged] = []
        self.checks: list[float] = []
        self.manager = BackendServiceManager(
            launch=self.launch,
            choose_port=self.choose_port,
            is_healthy=self.is_healthy,
            clock=self.clock,
            pause=self.clock.advance,
            policy=EnginePolicy(),
        )
        self.manager.on_status_change(self.events.append)

    def launch(self, port: int) -> FakeServer:
        assert port == self.port
        if self.failures:
            raise self.failures.pop(0)
        plan = self.plans.pop(0) if self.plans else {}
        self.servers.append(FakeServer(self.clock, len(self.servers) + 1, **plan))  # type: ignore[arg-type]
        return self.servers[-1]

    def choose_port(self, again: int | None) -> int:
        self.asked.append(again)
        return again or self.port

    def is_healthy(self, port: int, pid: int, timeout_seconds: float) -> bool:
        self.checks.append(self.clock.monotonic())
        server = self.servers[-1]
        assert (port, pid) == (self.port, server.number)
        if not server.is_well():
            self.clock.advance(timeout_seconds)
        return server.is_well()

    def until(self, condition: Callable[[BackendStatus], bool], seconds: float = 300.0) -> BackendStatus:
        end = self.clock.monotonic() + seconds
        while not condition(status := self.manager.tick()):
            assert self.clock.monotonic() < end, status
        return status

    def until_state(self, state: EngineState) -> BackendStatus:
        return self.until(lambda status: status.state is state)

    def states(self) -> list[str]:
        return [event.new.state.value for event in self.events]
