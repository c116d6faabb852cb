"""What runs do to their disk and what a full one does to them: real supervisors, small file systems, floods."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.store.checkpoints import damage, sealed
from backend.store.log_files import parts
from backend.store.run_files import LocalRunFiles
from tests.fakes.misbehaving_trainer import FLOOD_LINE_BYTES
from tests.process.lab import Lab, wait_until

pytestmark = pytest.mark.process

MEGABYTE = 1_000_000
DISK_BYTES = 24 * MEGABYTE
LIMIT = MEGABYTE


@pytest.fixture
def small_disk(workspace: Path) -> Iterator[Path]:
    """A file system of its own for the runs; only root may mount one, and not in every container."""
    place = workspace / "runs"
    place.mkdir(parents=True)
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mount = ["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", place]
    if subprocess.run(mount, check=False).returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield place
    wait_until(
        lambda: subprocess.run(["/usr/bin/umount", place], check=False).returncode == 0, "all have left the disk"
    )


@pytest.fixture
def cramped(small_disk: Path, make_lab: Callable[..., Lab]) -> Iterator[Lab]:
    lab = make_lab(min_free_bytes=str(2 * MEGABYTE))
    yield lab
    lab.close()


def fill(disk: Path, *, leave: int) -> Path:
    """Take all space but some bytes."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave)
    return filler


def start(lab: Lab) -> None:
    """Checkpoints of 3 MB at steps 5 and 10; it waits at step 12."""
    lab.start(
        total_steps=30,
        save_every=5,
        checkpoint_bytes=3 * MEGABYTE,
        keep_checkpoints=2,
        attempts={"1": {"pause_at_step": 12}},
    )
    lab.wait_for_step(12)


def wait_for_pause(lab: Lab) -> Run:
    run = lab.wait_for(RunState.PAUSED)
    wait_until(lambda: lab.supervisor() is None, "the supervisor has left")
    assert (run.wish, run.error_id) == (Wish.PAUSE, "disk-full"), lab.story()
    assert "missing" in run.message
    return run


def assert_whole(lab: Lab, *steps: int) -> None:
    kept = sealed(RunDirectory(lab.runs_folder / "a-run").checkpoints)
    assert [damage(checkpoint) for checkpoint in kept] == [None] * len(kept)
    assert tuple(checkpoint.step for checkpoint in kept) == steps
    assert not list((lab.runs_folder / "a-run" / "checkpoints").glob(".*"))


def go_on(lab: Lab) -> Run:
    """As a person resumes it."""
    lab.store.set_wish("a-run", Wish.RUN, "a person goes on")
    lab.manager.start("a-run")
    return lab.wait_for_over()


def test_a_run_is_paused_with_a_checkpoint_before_its_disk_is_full(cramped: Lab, small_disk: Path) -> None:
    start(cramped)
    filler = fill(small_disk, leave=4 * MEGABYTE)  # the next checkpoint fits, but would leave less than 2 MB
    run = wait_for_pause(cramped)
    assert [attempt.exit_code for attempt in run.attempts] == [75], cramped.story()
    assert "the disk is nearly full: 1.0 MB are missing" in run.message
    assert_whole(cramped, 12, 10)
    filler.unlink()
    finished = go_on(cramped)
    assert (finished.state, finished.error_id) == (RunState.FINISHED, ""), cramped.story()
    assert [attempt.resumed_from_step for attempt in finished.attempts] == [None, 12]


def test_a_disk_that_is_full_at_once_pauses_the_run_and_harms_no_checkpoint(cramped: Lab, small_disk: Path) -> None:
    start(cramped)
    filler = fill(small_disk, leave=MEGABYTE)
    cramped.go()  # its next checkpoint comes before the supervisor looks twice
    run = wait_for_pause(cramped)
    assert [attempt.exit_code for attempt in run.attempts] == [1], "not retried"
    assert "the disk is full" in run.message
    assert "goes on from step 10" in run.message
    assert_whole(cramped, 10, 5)
    filler.unlink()
    finished = go_on(cramped)
    assert finished.state is RunState.FINISHED, cramped.story()
    assert [attempt.resumed_from_step for attempt in finished.attempts] == [None, 10]


def test_a_disk_with_room_for_one_checkpoint_at_a_time_is_no_reason_to_pause(cramped: Lab, small_disk: Path) -> None:
    """Two kept, one being written, and the floor: 11 MB; what is about to be deleted does not count for long."""
    start(cramped)
    fill(small_disk, leave=5_500_000)
    cramped.go()
    assert cramped.wait_for_over().state is RunState.FINISHED, cramped.story()
    assert RunState.PAUSING not in [line.target for line in cramped.store.journal("a-run")]


def test_a_flood_of_output_blocks_nobody_and_leaves_a_bounded_log(make_lab: Callable[..., Lab]) -> None:
    flood(make_lab(log_max_bytes=str(LIMIT)), 20 * MEGABYTE)


@pytest.mark.long
def test_a_gigabyte_of_output_blocks_nobody_and_leaves_a_bounded_log(make_lab: Callable[..., Lab]) -> None:
    flood(make_lab(log_max_bytes=str(LIMIT)), 1000 * MEGABYTE)


def flood(lab: Lab, num_bytes: int) -> None:
    lab.start(total_steps=8, step_seconds=0.1, otherwise={"flood_bytes": num_bytes})
    run = lab.wait_for_over()
    assert (run.state, len(run.attempts)) == (RunState.FINISHED, 1), lab.story()
    folder = RunDirectory(run.run_dir)
    seconds = json.loads((run.run_dir / "flood.json").read_text())["seconds"]
    assert seconds < 30 + num_bytes / (20 * MEGABYTE), "as slow as a slow disk at most; a full pipe would wait for us"
    assert sum(part.stat().st_size for part in parts(folder.log(1)) if part.exists()) <= LIMIT + 200
    text = LocalRunFiles().log(run.run_dir, 1, 2 * LIMIT).splitlines()
    assert text[0].split() == ["flood", "0"]
    last = [line for line in text if line.startswith("flood")][-1]
    assert last.split()[1] == str(num_bytes // FLOOD_LINE_BYTES - 1)
    assert any(line.startswith("[peft-studio: about ") for line in text)
