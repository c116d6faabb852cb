"""The real studio in a workspace of its own: its command line, its files and its processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.containers import build_container
from backend.domain.heartbeat import Heartbeat
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.executors import lock_file, process_table
from backend.services.bundle import Services
from config.settings import Settings
from tests.acceptance.holding import Hold
from tests.acceptance.processes import PATIENCE_SECONDS, WORKSPACE, processes, wait_until
from tests.untraced import untraced

PROGRAM = Path(sys.executable).with_name("peft-studio")
QUIET_SECONDS = 60.0


def _hear_ctrl_c() -> None:
    """Whoever starts the tests in the background has them, and all they start, ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


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
        """The error object of a command with --json that failed."""
        assert self.code != 0, self
        assert self.out == "", self
        return dict(json.loads(self.err)["error"])


@dataclass
class Studio:
    """One workspace. `settings` are PEFT_STUDIO_ variables, without the prefix, for every program."""

    workspace: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    hold: Hold = field(init=False)

    def __post_init__(self) -> None:
        self.hold = Hold(self.workspace.parent / "hold.json")

    @property
    def environment(self) -> dict[str, str]:
        cold = {"standby": "false", "spare": "false"}
        own = {"trainer_threads": "1", "backoff_seconds": "[0.05, 0.1]", **cold, **self.settings}
        variables = {f"PEFT_STUDIO_{name.upper()}": value for name, value in own.items()}
        inherited = {name: value for name, value in untraced(os.environ).items() if not name.startswith("PEFT_STUDIO_")}
        always = {WORKSPACE: str(self.workspace), "HF_HUB_OFFLINE": "1"}
        return inherited | always | variables | self.hold.environment(inherited)

    def begin(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command and do not wait for it."""
        return subprocess.Popen(
            [PROGRAM, *map(str, words)],
            cwd=self.workspace.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_ctrl_c,  # noqa: PLW1509 - nothing but a system call, and the test has no threads here
        )

    def say(self, *words: str | Path) -> Said:
        """Run a command to its end."""
        return heard(self.begin(*words))

    def train(self, order: Path, *words: str) -> str:
        """Start a run; its id."""
        return str(self.say("train", order, *words, "--json").json()["id"])

    def finish(self, order: Path, *words: str) -> str:
        """Train to the end; the run's id."""
        return str(self.say("train", order, *words, "--wait", "--json").json()["id"])

    def show(self, run_id: str) -> dict[str, Any]:
        """Look at a run, which sees to it that it has a supervisor."""
        return dict(self.say("runs", "show", run_id, "--json").json())

    def curve(self, run_id: str, tag: str) -> dict[int, float]:
        """Value by step; every step occurs once."""
        (run,) = self.say("curves", run_id, "--tag", tag, "--json").json()["runs"].values()
        found = run[tag]
        assert found["steps"] == sorted(set(found["steps"])), f"{tag} runs backwards or repeats a step"
        return dict(zip(found["steps"], found["values"], strict=True))

    @contextmanager
    def services(self) -> Iterator[Services]:
        """The services of another program in this workspace; they start nothing by themselves."""
        container = build_container(Settings(workspace=self.workspace))
        try:
            yield container.services()
        finally:
            container.store().close()

    def know(self, run_id: str) -> Run:
        """What the store knows, without looking after any run."""
        with self.services() as services:
            return services.status.show(run_id).run

    def wait_for_running(self, run_id: str, attempt: int) -> None:
        """The store says that this attempt runs, and its supervisor and trainer live. Looks after nothing."""

        def is_running() -> bool:
            run = self.know(run_id)
            are_alive = self.supervisor(run_id) is not None and self.trainer(run_id) is not None
            return run.state is RunState.RUNNING and len(run.attempts) == attempt and are_alive

        wait_until(is_running, lambda: f"attempt {attempt} runs: {self.story(run_id)}", poll_seconds=0.2)

    def reasons(self, run_id: str) -> str:
        """The journal, a line each."""
        with self.services() as services:
            return "\n".join(line.reason for line in services.status.journal(run_id))

    def folder(self, run_id: str) -> RunDirectory:
        return RunDirectory(self.workspace / "runs" / run_id)

    def runs(self) -> set[str]:
        """Everything under runs/, hidden or not."""
        folder = self.workspace / "runs"
        return {path.name for path in folder.iterdir()} if folder.is_dir() else set()

    def only_run(self) -> str:
        """The id of the one run here, as soon as there is one."""
        return str(wait_until(lambda: next((n for n in self.runs() if not n.startswith(".")), None), "a run"))

    def heartbeat(self, run_id: str) -> Heartbeat | None:
        try:
            return Heartbeat.from_json(self.folder(run_id).heartbeat.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def at_step(self, run_id: str, step: int, attempt: int = 1) -> int:
        """Wait until an attempt has done so many steps; its pid."""

        def has_come() -> int | None:
            beat = self.heartbeat(run_id)
            return beat.pid if beat and beat.attempt == attempt and beat.step >= step else None

        what = f"step {step} of attempt {attempt}"
        return int(wait_until(has_come, lambda: f"{what}: {self.story(run_id)}", poll_seconds=0.005))

    def wait_for_checkpoint(self, run_id: str, step: int) -> None:
        """It is in its place, where the thread that writes it puts it when it is sealed."""
        place = self.folder(run_id).checkpoints / f"checkpoint-{step}"
        wait_until(place.is_dir, lambda: f"{place.name}: {self.story(run_id)}")

    def trainer(self, run_id: str) -> int | None:
        return _holder(self.folder(run_id).trainer_lock)

    def supervisor(self, run_id: str) -> int | None:
        return _holder(self.folder(run_id).supervisor_lock)

    def wait_for_end(self, run_id: str) -> dict[str, Any]:
        """The run is over and nobody works on it; what `runs show` says then. Looks after nothing meanwhile."""
        with self.services() as services:

            def is_over() -> bool:
                run = services.status.show(run_id).run
                return run.is_over and not run.needs_supervisor

            wait_until(is_over, lambda: f"the end: {self.story(run_id)}")
        self.wait_for_quiet()
        return self.show(run_id)

    def wait_for_quiet(self) -> None:
        """No program of this workspace lives any more."""
        wait_until(lambda: not self.processes(), lambda: f"all have ended: {self.processes()}", QUIET_SECONDS)

    def clear(self) -> None:
        """End whatever a failed test left behind."""
        while left := self.processes():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def weights(self, run_id: str) -> bytes:
        return (self.folder(run_id).adapter / "adapter_model.safetensors").read_bytes()

    def checkpoints(self, run_id: str) -> set[str]:
        """Every name in the folder of checkpoints, hidden or not."""
        return {path.name for path in self.folder(run_id).checkpoints.iterdir()}

    def processes(self) -> dict[int, str]:
        """Living processes of this workspace but our own: pid and command line."""
        return processes(self.workspace)

    def story(self, run_id: str) -> str:
        """For failure messages: what is known."""
        folder = self.folder(run_id)
        logs = sorted(folder.logs.glob("*.log")) if folder.logs.is_dir() else []
        ends = (f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)
        return "\n".join([str(self.heartbeat(run_id)), *ends])


@contextmanager
def opened(workspace: Path, **settings: str) -> Iterator[Studio]:
    """A studio that must be quiet when it is left: every process that was started there has ended."""
    workspace.parent.mkdir(parents=True, exist_ok=True)
    studio = Studio(workspace, settings)
    try:
        yield studio
        studio.wait_for_quiet()
    finally:
        studio.clear()


def heard(command: subprocess.Popen[str]) -> Said:
    """Wait for a command."""
    try:
        out, err = command.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        command.kill()
        raise
    return Said(command.returncode, out, err)


def _holder(lock: Path) -> int | None:
    """The living process that holds a lock."""
    identity = lock_file.read_identity(lock)
    is_held = identity is not None and lock_file.is_held(lock) and process_table.is_alive(identity)
    return identity.pid if identity and is_held else None
