"""A disk that fills up while a run trains."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.domain.states import RunState
from backend.store.checkpoints import damage, sealed
from tests.acceptance.processes import paused, wait_until
from tests.acceptance.studio import Studio, opened
from tests.acceptance.trained import SAVE_STEPS, STEPS, Room

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(1200)]

DISK_BYTES = 64_000_000
FLOOR_BYTES = 4_000_000
LARGE = ("--set", "method=full")  # a checkpoint of the whole model, with the state of its optimizer: 476 kB
TOO_LITTLE_BYTES = 400_000  # for a checkpoint, but not for the store


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory; only root may mount one, and not in every container."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    mounted = subprocess.run(["/usr/bin/mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", place], check=False)
    if mounted.returncode != 0:
        pytest.skip("no small disk can be mounted here")
    yield place
    wait_until(
        lambda: subprocess.run(["/usr/bin/umount", place], check=False).returncode == 0, "all have left the disk"
    )


@pytest.fixture
def cramped(small_disk: Path) -> Iterator[Studio]:
    with opened(small_disk / "workspace", min_free_bytes=str(FLOOR_BYTES), log_max_bytes="1000000") as studio:
        yield studio


def fill(disk: Path, *, leave: int, name: str = "filler") -> Path:
    """Take all space but some bytes."""
    filler = disk / name
    size = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - leave
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    return filler


def train_to_first_checkpoint(studio: Studio, room: Room) -> tuple[str, int]:
    """A run whose trainer waits one step behind its first checkpoint, which is in its place: both."""
    studio.hold.at(SAVE_STEPS + 1)
    run_id = studio.train(room.order, *LARGE)
    trainer = studio.at_step(run_id, SAVE_STEPS + 1)
    studio.wait_for_checkpoint(run_id, SAVE_STEPS)
    return run_id, trainer


def test_a_full_disk_pauses_the_run_with_a_reason_and_harms_no_checkpoint(
    room: Room, cramped: Studio, small_disk: Path
) -> None:
    run_id, trainer = train_to_first_checkpoint(cramped, room)
    with paused(trainer):
        filler = fill(small_disk, leave=TOO_LITTLE_BYTES)
        cramped.hold.end()
    held = wait_for_pause(cramped, run_id)
    assert (held["state"], held["wish"], held["error_id"]) == ("paused", "pause", "disk-full")
    assert "MB are missing" in held["message"]
    assert len(held["attempts"]) == 1, "not retried"
    kept = sealed(cramped.folder(run_id).checkpoints)
    assert [damage(checkpoint) for checkpoint in kept] == [None] * len(kept)
    assert cramped.checkpoints(run_id) == {f"checkpoint-{checkpoint.step}" for checkpoint in kept}
    assert held["last_checkpoint_step"] == kept[0].step >= SAVE_STEPS
    assert not list(cramped.folder(run_id).root.glob(".*.tmp")), "nothing half-written"

    refused = cramped.say("train", room.order, "--json")
    assert (refused.code, refused.error()["id"]) == (78, "preflight-failed")
    assert "[disk-almost-full]" in refused.err
    assert cramped.runs() == {run_id}

    filler.unlink()
    again = cramped.say("runs", "resume", run_id, "--wait", "--json")
    assert again.code == 0, again
    cramped.wait_for_quiet()
    finished = cramped.show(run_id)
    assert [a["resumed_from_step"] for a in finished["attempts"]] == [None, kept[0].step]
    assert list(cramped.curve(run_id, "train/loss")) == list(range(1, STEPS + 1))


def wait_for_pause(studio: Studio, run_id: str) -> dict[str, Any]:
    """The run is paused and nobody works on it; what `runs show` says then."""
    wait_until(lambda: studio.know(run_id).state is RunState.PAUSED, lambda: f"the pause: {studio.story(run_id)}")
    studio.wait_for_quiet()
    return dict(studio.show(run_id))


@pytest.mark.long
def test_a_run_outlasts_a_disk_without_a_single_byte(room: Room, cramped: Studio, small_disk: Path) -> None:
    """The store takes the pause in what was reserved for it, then no more; with the space everything goes on."""
    run_id, trainer = train_to_first_checkpoint(cramped, room)
    with paused(trainer):
        filler = fill(small_disk, leave=0)
        cramped.hold.end()
    held = wait_for_pause(cramped, run_id)
    assert (held["state"], held["error_id"]) == ("paused", "disk-full")
    rest = fill(small_disk, leave=0, name="rest")
    for words in (("list",), ("stop", run_id)):  # SQLite needs some room to be opened, even by one who only looks
        refused = cramped.say("runs", *words, "--json")
        assert (refused.code, refused.error()["id"]) == (74, "store-full")
    filler.unlink()
    rest.unlink()
    assert cramped.show(run_id)["state"] == "paused", "nothing of the refused wish was kept"
    kept = sealed(cramped.folder(run_id).checkpoints)
    assert [damage(checkpoint) for checkpoint in kept] == [None] * len(kept)
    assert cramped.checkpoints(run_id) == {f"checkpoint-{checkpoint.step}" for checkpoint in kept}
    again = cramped.say("runs", "resume", run_id, "--wait", "--json")
    assert again.code == 0, again
    cramped.wait_for_quiet()
    assert list(cramped.curve(run_id, "train/loss")) == list(range(1, STEPS + 1))
