"""Old checkpoints go only after a new one is whole: whatever fails in between, there is always one to go on from."""

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.run_directory import RunDirectory
from backend.store.checkpoints import damage, sealed
from backend.trainer.attempt import OwnAttempt
from backend.trainer.errors import AttemptSuperseded, DiskFull
from backend.trainer.saving import Saver


@dataclass
class Shot:
    """A snapshot whose writing fails on request."""

    step: int
    failure: str

    def write(self, folder: Path) -> None:
        (folder / "weights").write_bytes(b"w" * self.step)
        if self.failure == "full":
            raise OSError(errno.ENOSPC, "No space left on device")


class Events:
    def sync(self) -> None:
        pass


@dataclass
class Attempt:
    run: RunDirectory
    is_superseded: bool = False

    def check_fence(self) -> None:
        if self.is_superseded:
            raise AttemptSuperseded(number=1, fence="attempt.json")


def whole(folder: Path) -> list[int]:
    return [checkpoint.step for checkpoint in sealed(folder) if damage(checkpoint) is None]


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "", "", "full", "superseded"]), st.integers(0, 3), st.booleans()),
        min_size=1,
        max_size=12,
    ),
    st.integers(2, 4),
)
def test_the_newest_whole_checkpoint_is_never_deleted(
    tmp_path_factory: pytest.TempPathFactory, saves: list[tuple[str, int, bool]], keep: int
) -> None:
    run = RunDirectory(tmp_path_factory.mktemp("run"))
    run.checkpoints.mkdir()
    attempt = Attempt(run)
    best: set[int] = set()
    saver = Saver(cast(OwnAttempt, attempt), cast(Any, Events()), keep, lambda: frozenset(best))
    for number, (failure, rotten, is_best) in enumerate(saves, start=1):
        before = whole(run.checkpoints)
        attempt.is_superseded = failure == "superseded"
        saver.save(cast(Any, Shot(number, failure)), lambda: None)
        if failure:
            with pytest.raises((DiskFull, AttemptSuperseded)):
                saver.wait()
            assert whole(run.checkpoints) == before, "nothing is deleted before a new one is in its place"
            continue
        saver.wait()
        after = whole(run.checkpoints)
        assert after[0] == number
        assert len(sealed(run.checkpoints)) <= keep + len(best)
        assert best <= {checkpoint.step for checkpoint in sealed(run.checkpoints)}
        if is_best:
            best = {number}
        for checkpoint in sealed(run.checkpoints)[1 : 1 + rotten]:  # older ones rot on the disk
            (checkpoint.path / "weights").write_bytes(b"")
    assert not list(run.checkpoints.glob(".*"))
