"""How long a killed trainer is missed: kill -9 to the new process, and to its next finished optimizer step.

A real run of the demo model, killed again and again, with a warm standby and without. Each kill waits until the
run is steady again (and its standby ready). Usage: scripts/bench recovery [--kills N] [--cold N]
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.containers import build_container
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.executors import lock_file, process_table
from backend.services.bundle import Services
from config.settings import Settings
from config.yaml_files import read_yaml

DEMO = Path(__file__).resolve().parents[2] / "config" / "presets" / "demo.yaml"
ENDLESS = 1_000_000
PATIENCE_SECONDS = 300.0
POLL_SECONDS = 0.005
READY = "a warm standby is ready"


@dataclass(frozen=True)
class Recovery:
    """Seconds from the kill; `was_warm` says whether the new trainer had waited."""

    to_process_seconds: float
    to_step_seconds: float
    was_warm: bool


def main(words: Sequence[str]) -> int:
    """Measure and print one line per figure; 0 if each kill was survived."""
    parser = argparse.ArgumentParser(prog="scripts/bench recovery", description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="with a warm standby (default 10)")
    parser.add_argument("--cold", type=int, default=3, help="without one (default 3)")
    asked = parser.parse_args(words)
    for name, count, has_standby in (("warm standby", asked.kills, True), ("cold start", asked.cold, False)):
        if count:
            with a_demo_run(has_standby=has_standby) as (services, run_id):
                print_figures(name, [killed(services, run_id, has_standby=has_standby) for _ in range(count)])
    return 0


def print_figures(name: str, found: Sequence[Recovery]) -> None:
    """Median and worst of both figures."""
    for what, values in (
        ("new process", [one.to_process_seconds for one in found]),
        ("next step", [one.to_step_seconds for one in found]),
    ):
        median, worst = statistics.median(values), max(values)
        print(f"{name:<13} kill -9 to {what:<12} median {median:6.2f} s   worst {worst:6.2f} s   ({len(values)} kills)")


@contextmanager
def a_demo_run(*, has_standby: bool) -> Iterator[tuple[Services, str]]:
    """A run of the demo preset that does not end by itself, in a workspace of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(workspace=Path(folder), standby=has_standby, standby_after_seconds=1.0, max_failures=1000)
        settings.runs_folder.mkdir(parents=True)
        services = build_container(settings).services()
        run_id = services.training.start(endless_demo(), DEMO.parent).id
        try:
            yield services, run_id
        finally:
            supervisor = services.processes.liveliness(services.status.show(run_id).run).supervisor
            services.training.stop(run_id)
            wait_until(lambda: services.processes.liveliness(services.status.show(run_id).run).supervisor is None)
            # it looks after the other runs of the workspace once more, without its lock
            wait_until(lambda: supervisor is None or not process_table.is_alive(supervisor))


def endless_demo() -> RunConfig:
    """The demo preset with more steps than anybody waits for."""
    order: dict[str, Any] = read_yaml(DEMO)
    return RunConfig.model_validate(order | {"training": order["training"] | {"max_steps": ENDLESS}})


def killed(services: Services, run_id: str, *, has_standby: bool) -> Recovery:
    """Kill the trainer of a steady run, and time what follows."""
    run = RunDirectory(services.status.show(run_id).run.run_dir)
    before = wait_until(lambda: steady(run))
    waiting = wait_until(lambda: ready_standby(services, run_id)) if has_standby else None
    before = heartbeat(run) or before
    assert waiting != before.pid
    os.kill(before.pid, signal.SIGKILL)
    return recovery(run, before, time.monotonic(), waiting)


def recovery(run: RunDirectory, before: Heartbeat, killed_at: float, waiting: int | None = None) -> Recovery:
    """Time the return of a run whose trainer, with the heartbeat `before`, was killed at a reading of monotonic()."""

    def new_process() -> int | None:
        identity = lock_file.read_identity(run.trainer_lock)
        return identity.pid if identity and identity.pid != before.pid else None

    pid = wait_until(new_process)
    to_process = time.monotonic() - killed_at
    first = wait_until(lambda: _training(run, before.attempt))
    wait_until(lambda: (now := _training(run, before.attempt)) and now.step > first.step)
    found = Recovery(to_process, time.monotonic() - killed_at, pid == waiting)
    print(f"  {'warm' if found.was_warm else 'cold'}  {to_process:6.3f} s  {found.to_step_seconds:6.3f} s", flush=True)
    return found


def steady(run: RunDirectory) -> Heartbeat | None:
    """The heartbeat of a trainer that has written a checkpoint of its own and trains."""
    now = heartbeat(run)
    is_training = now is not None and now.phase is Phase.TRAINING
    return now if now and is_training and run.imports.exists() and now.seconds_per_step else None


def ready_standby(services: Services, run_id: str) -> int | None:
    """The pid of the living standby that said it was ready."""
    pid = services.status.show(run_id).standby_pid
    said = any(line.reason == f"{READY}, process {pid}" for line in services.status.journal(run_id))
    return pid if said else None


def heartbeat(run: RunDirectory) -> Heartbeat | None:
    """The newest one."""
    try:
        return Heartbeat.from_json(run.heartbeat.read_text(encoding="utf-8"))
    except OSError:
        return None


def wait_until(condition: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the condition gives
    """The first true value. Raises TimeoutError."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {PATIENCE_SECONDS:g} s")
        time.sleep(POLL_SECONDS)
    return found


def _training(run: RunDirectory, than: int) -> Heartbeat | None:
    now = heartbeat(run)
    return now if now and now.attempt > than and now.phase is Phase.TRAINING else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
