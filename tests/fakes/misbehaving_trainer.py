"""A trainer program that misbehaves on request: python misbehaving_trainer.py RUN_DIR.

RUN_DIR/misbehave.json: {"total_steps", "step_seconds", "save_every", "checkpoint_bytes", "keep_checkpoints", "attempts": {"1": {...}}, "otherwise":
{...}}. What one attempt may do (all optional): crash_at_step with exit_code, signal, text or oom_kill; hang_at_step;
pause_at_step (until RUN_DIR/go exists, or a TERM); remark_at_step; ignores_term; flood_bytes; grandchild "session" or "daemon"; exit_code_at_start; record (of an exit record);
fails_at_import; hangs_in "loading" or "saving"; hungry_at_step (runs into a limit of its memory); clock_jump_at_step; torn_record.
Every step is a line of steps.jsonl. It honours the real one's contracts: lock, heartbeat, manifests, fence.
"""

import faulthandler
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.remarks import Remark
from backend.domain.run_directory import RunDirectory
from backend.executors.handover import say_ready, wait_for_order, waiting_place
from backend.executors.lock_file import hold
from backend.store.checkpoints import MANIFEST, STAGING, sealed, write_manifest_text
from backend.store.files import replace_text

FLOOD_LINE_BYTES, FLOOD_LINES = 100, 10_000
SLEEPER = "import time; time.sleep(600)"


class Trainer:
    def __init__(self, folder: RunDirectory) -> None:
        self.folder = folder
        self.plan: dict[str, Any] = json.loads((folder.root / "misbehave.json").read_text())
        self.number = int(os.environ["PEFT_STUDIO_ATTEMPT"])
        self.token = os.environ["PEFT_STUDIO_TOKEN"]
        self.own = self.plan.get("attempts", {}).get(str(self.number), self.plan.get("otherwise", {}))
        self.total = self.plan.get("total_steps", 10)
        self.step = 0
        self.is_stop_asked = False
        self.clock_jump = 0.0

    def run(self) -> int:
        faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
        if self.own.get("fails_at_import"):
            importlib.import_module("a_module_that_nobody_installed")
        signal.signal(signal.SIGTERM, self.on_term)
        self.beat(Phase.LOADING)
        self.hang_in(Phase.LOADING)
        if "exit_code_at_start" in self.own:
            return self.end(self.own["exit_code_at_start"])
        if "grandchild" in self.own:
            self.leave_grandchild()
        if "flood_bytes" in self.own:
            self.flood(self.own["flood_bytes"])
        newest = sealed(self.folder.checkpoints)
        self.step = newest[0].step if newest else 0
        self.beat(Phase.TRAINING)
        while self.step < self.total:
            self.train_step()
            if self.is_stop_asked and not self.own.get("ignores_term"):
                self.save()
                return self.end(75)
        return self.end(0)

    def train_step(self) -> None:
        time.sleep(self.plan.get("step_seconds", 0.01))
        self.step += 1
        self.beat(Phase.TRAINING)
        tell_step(self.folder.root, self.number, self.step)
        if self.step % self.plan.get("save_every", 5) == 0:
            self.save()
        if self.step == self.own.get("remark_at_step"):
            with self.folder.remarks(self.number).open("a") as file:
                file.write(Remark(self.step, "the loss is odd", "divergence", (3,)).to_json() + "\n")
        if self.step == self.own.get("clock_jump_at_step"):
            self.clock_jump = self.own["clock_jump_seconds"]
        if self.step == self.own.get("hungry_at_step"):
            self.eat()
        if self.step == self.own.get("crash_at_step"):
            self.crash()
        while self.step == self.own.get("pause_at_step") and not self.is_stop_asked and not self.may_go():
            time.sleep(0.02)
        while self.step == self.own.get("hang_at_step"):
            time.sleep(0.05)

    def may_go(self) -> bool:
        return (self.folder.root / "go").exists()

    def crash(self) -> None:
        sys.stderr.write(self.own.get("text", ""))
        sys.stderr.flush()
        if self.own.get("oom_kill"):  # as the kernel does it, with the count that the supervisor program reads
            (self.folder.root / "oom-kills").write_text(str(self.number))
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)
        if "signal" in self.own:
            os.kill(os.getpid(), getattr(signal, self.own["signal"]))
            time.sleep(60)
        os._exit(self.own.get("exit_code", 1))

    def now(self) -> float:
        return time.time() + self.clock_jump

    def hang_in(self, phase: Phase) -> None:
        while self.own.get("hangs_in") == phase:
            time.sleep(0.05)

    def eat(self) -> None:
        """Ask for more than a limit of the address space leaves."""
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 50_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        self.eaten = bytearray(500_000_000)

    def save(self) -> None:
        self.beat(Phase.SAVING)
        self.hang_in(Phase.SAVING)
        fence = json.loads(self.folder.fence.read_text())
        assert fence == {"number": self.number, "token": self.token}, fence
        target = self.folder.checkpoints / f"checkpoint-{self.step}"
        if target.exists():
            return
        staging = self.folder.checkpoints / f"{STAGING}{target.name}"
        staging.mkdir(exist_ok=True)  # of one that was killed here
        try:
            (staging / "weights").write_text(f"weights of step {self.step}".ljust(self.plan.get("checkpoint_bytes", 0)))
            replace_text(staging / MANIFEST, write_manifest_text(staging, self.step))
            staging.rename(target)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        for older in sealed(self.folder.checkpoints)[self.plan.get("keep_checkpoints", 1000) :]:
            shutil.rmtree(older.path)

    def flood(self, num_bytes: int) -> None:
        """Numbered lines of 100 bytes as fast as the log takes them; flood.json says how long that took."""
        begun = time.monotonic()
        for start in range(0, num_bytes // FLOOD_LINE_BYTES, FLOOD_LINES):
            numbers = range(start, min(start + FLOOD_LINES, num_bytes // FLOOD_LINE_BYTES))
            sys.stdout.write("".join(f"flood {i:<{FLOOD_LINE_BYTES - 7}}\n" for i in numbers))
        sys.stdout.flush()
        (self.folder.root / "flood.json").write_text(json.dumps({"seconds": time.monotonic() - begun}))

    def leave_grandchild(self) -> None:
        is_daemon = self.own["grandchild"] == "daemon"
        parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}])"
        code = parent if is_daemon else SLEEPER
        child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        if is_daemon:
            child.wait()

    def beat(self, phase: Phase) -> None:
        beat = Heartbeat(self.token, self.number, os.getpid(), phase, self.step, self.total, self.now())
        temporary = self.folder.heartbeat.with_suffix(".tmp")
        temporary.write_text(beat.to_json())
        temporary.replace(self.folder.heartbeat)

    def end(self, code: int) -> int:
        record = ExitRecord(code, self.step, **self.own.get("record", {}))
        text = record.to_json()
        if self.own.get("torn_record"):
            text = text[: len(text) // 2]
        replace_text(self.folder.exit_record(self.number), text)
        return code

    def on_term(self, *_: object) -> None:
        self.is_stop_asked = True


def tell_step(folder: Path, attempt: int, step: int) -> None:
    """`at` is the machine's monotonic clock, the same for all processes."""
    line = {"attempt": attempt, "step": step, "pid": os.getpid(), "at": time.monotonic()}
    with (folder / "steps.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def main(run_dir: str) -> int:
    folder = RunDirectory(Path(run_dir))
    return 75 if hold(folder.trainer_lock) is None else Trainer(folder).run()


def wait_to_be_started() -> None:
    """As the real standby; STANDBY_EXIT makes it leave with that code before anything else."""
    if "PEFT_STUDIO_STANDBY_EXIT" in os.environ:
        sys.exit(int(os.environ["PEFT_STUDIO_STANDBY_EXIT"]))
    place = waiting_place()
    say_ready(place)
    received = wait_for_order(place)
    if received is None:
        os._exit(0)
    received.take_up()
    os.environ.update(received.environment())
    sys.argv = list(received.order.argv[1:])


if __name__ == "__main__":
    if sys.argv[1] == "--standby":
        wait_to_be_started()
    gc.freeze()  # saves a tenth of a second at the end
    sys.exit(main(sys.argv[1]))
