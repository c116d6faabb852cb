"""runs look-after: what a service runs, with real supervisors."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process
WORDS = (sys.executable, "-m", "backend.cli", "runs", "look-after")


def test_it_gives_a_run_its_supervisor_back_says_so_and_leaves_runs_alone_when_it_ends(
    lab: Lab, workspace: Path
) -> None:
    lab.start(total_steps=1_000_000, step_seconds=0.02)
    lab.wait_for_step(1)
    trainer = lab.trainer()
    service = subprocess.Popen(
        (*WORDS, "--every", "0.2"),
        env=os.environ | {"PEFT_STUDIO_WORKSPACE": str(workspace)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lab.kill(lab.supervisor())
        supervisor = wait_until(lab.supervisor, "another supervisor")
        service.send_signal(signal.SIGTERM)
        out, err = service.communicate(timeout=30)
        assert (service.returncode, out, err) == (0, "a-run: has a supervisor again\n", "")
        assert (lab.supervisor(), lab.trainer()) == (supervisor, trainer)
    finally:
        service.kill()
        service.communicate()


def test_once_it_looks_and_says_nothing_if_there_is_nothing_to_do(lab: Lab, workspace: Path) -> None:
    surroundings = os.environ | {"PEFT_STUDIO_WORKSPACE": str(workspace)}
    told = subprocess.run(WORDS, env=surroundings, capture_output=True, text=True, check=False, timeout=60)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")
