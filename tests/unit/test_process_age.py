"""The age of a process is the time since it was started, not since it could first look at a clock."""

import subprocess
import sys
import time

import psutil

from backend.probes.process_age import process_age_seconds


def test_the_age_agrees_with_the_creation_time_as_far_as_that_is_exact() -> None:
    created = psutil.Process().create_time()
    before = time.time() - created
    age = process_age_seconds()
    assert before - 2.0 < age < time.time() - created + 2.0


def test_the_age_grows_with_time() -> None:
    before, began = process_age_seconds(), time.monotonic()
    while time.monotonic() - began < 0.05:
        pass
    assert 0.03 < process_age_seconds() - before < 60


def test_a_new_process_is_younger_than_the_time_we_waited_for_it() -> None:
    program = "from backend.probes.process_age import process_age_seconds; print(process_age_seconds())"
    began = time.monotonic()
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert 0 < float(told.stdout) <= time.monotonic() - began + 0.02
