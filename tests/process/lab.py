"""A workspace with real supervisors, misbehaving trainers, and nothing left behind."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.domain.machine import MachineProbe
from backend.domain.run import ProcessIdentity, Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.executors import lock_file, process_table
from backend.executors.environment import RUN_ID, TOKEN
from backend.executors.local import LocalExecutor
from backend.probes.clock import SystemClock
from backend.probes.machine import LocalMachine
from backend.probes.places import LocalPlaces
from backend.services.process_manager import ProcessManager, SupervisorProgram
from backend.store.run_files import LocalRunFiles
from backend.store.sql_store import SqlRunStore
from config.settings import Settings
from tests.fakes.forked_programs import SUPERVISOR, ForkingExecutor, Forks
from tests.fakes.runs import a_run

PATIENCE_SECONDS = 90.0
PROGRAM = Path(__file__).parent.parent / "fakes" / "supervisor_program.py"


def wait_until(
    condition: Callable[[], object], what: str | Callable[[], str], seconds: float = PATIENCE_SECONDS
) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what if isinstance(what, str) else what()}")


@dataclass
class Lab:
    workspace: Path
    environment: dict[str, str] = field(default_factory=dict)
    trainer_file: Path | None = None
    forks: Forks | None = None  # starts supervisors and trainers in milliseconds

    def __post_init__(self) -> None:
        settings = Settings(workspace=self.workspace)
        self.runs_folder = settings.runs_folder
        self.store = SqlRunStore(settings.url, SystemClock())
        self.executor = self.new_executor()
        self.environment = {
            "PEFT_STUDIO_WORKSPACE": str(self.workspace),
            "PEFT_STUDIO_BACKOFF_SECONDS": "[0.05, 0.1, 0.2]",
            "PEFT_STUDIO_STANDBY": "false",
            "PEFT_STUDIO_SPARE": "false",
            **self.environment,
        }
        if self.forks:
            self.environment |= self.forks.environment
        if self.trainer_file:
            self.environment["FAKE_TRAINER"] = str(self.trainer_file)
        self.manager = self.new_manager()

    def new_manager(self, machine: MachineProbe | None = None) -> ProcessManager:
        """As another dashboard would have it, perhaps on another machine."""
        argv = (SUPERVISOR, self.forks.kind) if self.forks else (sys.executable, str(PROGRAM))
        program = SupervisorProgram(argv, self.workspace, self.environment)
        num_places = int(self.environment.get("PEFT_STUDIO_CPU_SLOTS", "1"))
        places = LocalPlaces(machine or LocalMachine(self.workspace), num_places)
        return ProcessManager(self.store, self.new_executor(), SystemClock(), program, places)

    def new_executor(self) -> LocalExecutor:
        return ForkingExecutor() if self.forks else LocalExecutor()

    def make(self, run_id: str = "a-run", order: str = "schema_version: 1\n", **plan: Any) -> Run:
        run = a_run(run_id, run_dir=self.runs_folder / run_id)
        LocalRunFiles().create(run.run_dir, order)
        self.plan(run_id, **plan)
        self.store.create(run)
        return run

    def plan(self, run_id: str = "a-run", **plan: Any) -> None:
        """What the trainers of a run do from their start on."""
        (self.runs_folder / run_id / "misbehave.json").write_text(json.dumps(plan))

    def taken_slot(self, run_id: str = "a-run") -> Run:
        """The run as it is once the queue has given it its place."""
        return replace(self.get(run_id), slots=("cpu:0",))

    def start(self, run_id: str = "a-run", **plan: Any) -> Run:
        run = self.make(run_id, **plan)
        assert self.manager.start(run_id)
        return run

    def get(self, run_id: str = "a-run") -> Run:
        return self.store.get(run_id)

    def wait_for(self, state: RunState, run_id: str = "a-run") -> Run:
        wait_until(lambda: self.get(run_id).state is state, lambda: f"{run_id} is {state}, not {self.story(run_id)}")
        return self.get(run_id)

    def wait_for_over(self, run_id: str = "a-run", seconds: float = PATIENCE_SECONDS) -> Run:
        """The run is over, and its supervisor is gone."""
        wait_until(lambda: (run := self.get(run_id)).is_over and not run.needs_supervisor, self.story, seconds)
        wait_until(lambda: self.supervisor(run_id) is None, "the supervisor has left")
        return self.get(run_id)

    def wait_for_rest(self, state: RunState, run_id: str = "a-run") -> Run:
        """The run is at rest in this state, and its supervisor is gone."""
        self.wait_for(state, run_id)
        wait_until(lambda: self.supervisor(run_id) is None, "the supervisor has left")
        return self.get(run_id)

    def wish(self, wish: Wish, run_id: str = "a-run", *, keeps_slot: bool = False) -> None:
        """As the services do it."""
        self.store.set_wish(run_id, wish, f"{wish} was asked for", keeps_slot=keeps_slot)
        self.manager.start(run_id)

    def wait_for_step(self, step: int, attempt: int = 1, run_id: str = "a-run") -> None:
        wait_until(
            lambda: any(s["attempt"] == attempt and s["step"] >= step for s in self.steps(run_id)),
            lambda: f"step {step} of attempt {attempt}: {self.story(run_id)}",
        )

    def go(self, run_id: str = "a-run") -> None:
        """Let a trainer that pauses go on."""
        (self.runs_folder / run_id / "go").touch()

    def steps(self, run_id: str = "a-run") -> list[dict[str, Any]]:
        path = self.runs_folder / run_id / "steps.jsonl"
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def supervisor(self, run_id: str = "a-run") -> ProcessIdentity | None:
        return self.manager.liveliness(self.get(run_id)).supervisor

    def trainer(self, run_id: str = "a-run") -> ProcessIdentity | None:
        return self.manager.liveliness(self.get(run_id)).trainer

    def kill(self, process: ProcessIdentity | None) -> None:
        """kill -9 of one process, and wait until it is gone, and with it its locks."""
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        wait_until(lambda: not process_table.is_alive(process), "the killed process is gone")
        for run in self.store.list():
            folder = RunDirectory(run.run_dir)
            for lock in (folder.supervisor_lock, folder.trainer_lock):
                wait_until(lambda lock=lock: self._is_free_of(process, lock), "it has let go of its lock")

    @staticmethod
    def _is_free_of(process: ProcessIdentity, lock: Path) -> bool:
        """Whether a process that was killed holds a lock no more; its successor may."""
        return lock_file.read_identity(lock) != process or not lock_file.is_held(lock)

    def bring_back(self, run_id: str = "a-run") -> None:
        """As dashboards do every two seconds: look after the run until somebody new has it, or it rests."""
        fence, reports = self.get(run_id).fence, []

        def is_looked_after() -> bool:
            reports.append(self.new_manager().reconcile())
            run = self.get(run_id)
            return run.fence > fence or not run.needs_supervisor

        wait_until(is_looked_after, lambda: f"a new supervisor: {reports[0]} ... {reports[-1]} {self.story(run_id)}")

    def marked(self, run_id: str = "a-run") -> list[int]:
        """Living processes of any attempt of a run, those that wait for one included."""
        marks = {RUN_ID: run_id, "PEFT_STUDIO_MODELS": str(self.workspace / "models")}.items()
        return [
            entry.pid
            for entry in process_table.processes()
            if not entry.is_zombie and marks <= process_table.environment(entry.pid).items()
        ]

    def standby(self, run_id: str = "a-run") -> ProcessIdentity | None:
        """The process that waits to become the next trainer."""
        return self.executor.find(RunDirectory(self.runs_folder / run_id).standby_lock)[1]

    def wait_for_standby(self, run_id: str = "a-run") -> ProcessIdentity:
        """A standby that has said that it is ready."""

        def ready() -> ProcessIdentity | None:
            found = self.standby(run_id)
            said = f"a warm standby is ready, process {found.pid}" if found else ""
            return found if said in self.journal(run_id) else None

        found: ProcessIdentity = wait_until(ready, lambda: f"a standby: {self.story(run_id)}")
        return found

    def journal(self, run_id: str = "a-run") -> list[str]:
        return [line.reason for line in self.store.journal(run_id)]

    def story(self, run_id: str = "a-run") -> str:
        """For failure messages: all that is known."""
        folder = RunDirectory(self.runs_folder / run_id)
        log = folder.supervisor_log.read_text() if folder.supervisor_log.exists() else ""
        return f"{self.get(run_id)}\n{self.journal(run_id)}\n{log}"

    def close(self) -> None:
        for run in self.store.list():
            supervisor = self.manager.liveliness(run).supervisor
            if supervisor:
                self.executor.kill(supervisor)
            self.executor.sweep({RUN_ID: run.id, "PEFT_STUDIO_MODELS": str(self.workspace / "models")})
            for attempt in run.attempts:
                self.executor.sweep({TOKEN: attempt.token})
        self.store.close()
