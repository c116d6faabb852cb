"""The command line in this process: real services over a real store, with processes that only seem to run."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from dependency_injector.providers import Object

from backend.cli import context
from backend.cli.main import run
from backend.containers import StudioContainer, build_container
from backend.domain.ports import Command
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.domain.transition import AttemptEnd, AttemptStart
from backend.store.run_files import LocalRunFiles
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.lines import Reply, ScriptedProgram
from tests.fakes.machine import FakeMachine, FakePackages
from tests.fakes.runs import SUPERVISOR, a_run, a_transition

TORCH = {"torch": "2.13.0", "transformers": "5.23.0", "peft": "0.21.2", "accelerate": "1.15.0"}
END = {
    RunState.FINISHED: AttemptEnd(0, 12, "finished"),
    RunState.FAILED: AttemptEnd(78, 0, "its dataset cannot be used as it is"),
    RunState.STOPPED: AttemptEnd(75, 5, "stopped on request"),
}


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.code == 0, self
        return json.loads(self.out)

    def error(self) -> dict[str, str]:
        assert self.out == "", self
        return dict(json.loads(self.err.splitlines()[-1])["error"])


@dataclass
class CommandLine:
    """Say words, look at what happened. Every command gets a container of its own, as in a terminal."""

    workspace: Path
    capture: pytest.CaptureFixture[str]
    clock: FakeClock = field(default_factory=FakeClock)
    packages: FakePackages = field(default_factory=lambda: FakePackages(installed=dict(TORCH)))
    reply: Reply = lambda _line: ()
    examine: Reply = lambda _line: ()
    export: Reply = lambda _line: ()
    trace: Reply = lambda _line: ()
    steps: Reply = lambda _line: ()

    def __post_init__(self) -> None:
        self.executor = FakeExecutor(self.clock)
        self.programs: list[ScriptedProgram] = []

    def container(self, settings: Settings | None = None) -> StudioContainer:
        container = build_container(settings or Settings(workspace=self.workspace))
        program = ScriptedProgram(self.reply, self.clock)
        self.programs.append(program)
        container.executor.override(Object(self.executor))
        container.machine.override(Object(FakeMachine()))
        container.packages.override(Object(self.packages))
        container.inference.override(Object(program))
        container.examiner.override(Object(ScriptedProgram(self.examine, self.clock)))
        container.exporter.override(Object(ScriptedProgram(self.export, self.clock)))
        container.forecaster.override(Object(ScriptedProgram(self.trace, self.clock)))
        container.measurer.override(Object(ScriptedProgram(self.steps, self.clock)))
        return container

    def say(self, *words: str | Path) -> Said:
        self.capture.readouterr()
        with pytest.raises(SystemExit) as left:
            run([str(word) for word in words])
        out, err = self.capture.readouterr()
        return Said(int(left.value.code or 0), out, err)

    def folder(self, run_id: str) -> RunDirectory:
        return RunDirectory(self.workspace / "runs" / run_id)

    def add(self, run_id: str = "a-run", state: RunState = RunState.CREATED, **facts: Any) -> Run:
        """A run with its folder that has come to a state."""
        run = a_run(run_id, run_dir=self.folder(run_id).root, **facts)
        LocalRunFiles().create(run.run_dir, "base_model: demo\ndataset: sample:demo.jsonl\n")
        store = self.container().store()
        store.create(run)
        store.close()
        return run if state is RunState.CREATED else self.bring(run_id, state)

    def bring(self, run_id: str, state: RunState) -> Run:
        """What a supervisor would write: an attempt that runs, or that ended in a state."""
        store = self.container().store()
        if store.get(run_id).wish is not Wish.RUN:
            store.set_wish(run_id, Wish.RUN, "Resume was asked for.")
        run = store.claim(run_id, SUPERVISOR)
        source, number = run.state, len(run.attempts) + 1
        path = [RunState.STARTING, RunState.RUNNING] + ([state] if state in END else [])
        begin = AttemptStart(number, f"token-{number}", None)
        for target in path:
            change = a_transition(
                source,
                target,
                run_id=run_id,
                fence=run.fence,
                reason=f"it is {target}",
                message=f"Now it is {target}.",
                begin=begin if target is RunState.STARTING else None,
                end=END.get(target),
                wish=Wish.STOP if target in END else None,
            )
            run, source = store.apply(change), target
        store.close()
        return run

    def will_come_to(self, state: RunState) -> None:
        """The next supervisor that is started brings its run to a state at once, and leaves."""

        def play(command: Command) -> None:
            self.bring(Path(command.argv[-1]).name, state)

        self.executor.scripts.append(Script(on_start=play, lives_seconds=0))


def installed(capture: pytest.CaptureFixture[str], workspace: Path, patch: pytest.MonkeyPatch) -> CommandLine:
    """A command line whose commands build their containers here."""
    line = CommandLine(workspace, capture)
    patch.setattr(context, "build_container", line.container)
    return line
