"""Tiny models, a tiny dataset, and runs of them in this process or in a real one."""

from pathlib import Path

import pytest

from tests.training.runs import MakeRun, Room, make_room


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits are compared: the same number of threads here and in the real processes."""
    monkeypatch.setenv("PEFT_STUDIO_THREADS", "1")


@pytest.fixture(scope="session")
def room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    """A Llama, a Gemma 3 and a dataset of sums."""
    return make_room(tmp_path_factory.mktemp("room"))


@pytest.fixture
def make_run(room: Room, tmp_path: Path) -> MakeRun:
    """Makes run directories."""
    return MakeRun(room, tmp_path)
