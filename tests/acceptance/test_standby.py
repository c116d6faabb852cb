"""A process that has waited trains a run, and nobody can tell from the result."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from dependency_injector.providers import Object

from backend.containers import build_container
from backend.domain.heap import HEAP
from backend.domain.memory_record import MemoryRecord
from backend.domain.run_config import RunConfig
from backend.executors import lock_file
from backend.services.spare import Memory, Spare, SpareRule, SpareState
from config.settings import Settings
from config.yaml_files import read_yaml
from tests.acceptance.processes import kill, wait_until
from tests.acceptance.studio import Studio, opened
from tests.acceptance.trained import SAVE_STEPS, Room

pytestmark = [pytest.mark.process, pytest.mark.training, pytest.mark.timeout(1200)]


def heap(studio: Studio, run_id: str, attempt: int) -> str:
    """Of what kind the heap of an attempt's trainer was: on no machine one that falls into pieces."""
    record = MemoryRecord.from_json(studio.folder(run_id).memory(attempt).read_text())
    assert record is not None
    return record.heap


def wait_for_standby(studio: Studio, run_id: str) -> None:
    """It begins when the supervisor has seen training at two steps; each step waits longer for a look than the last."""
    place = studio.folder(run_id).standby_lock
    for step in range(1, SAVE_STEPS):
        studio.hold.at(step)
        studio.at_step(run_id, step)
        with suppress(AssertionError):
            wait_until(lambda: lock_file.read_identity(place), "a standby", seconds=step)
            return
    raise AssertionError(f"no standby began: {studio.story(run_id)}")


def test_a_run_that_its_standby_finished_has_the_result_of_an_undisturbed_run(
    room: Room, tmp_path: Path, is_like_undisturbed: Callable[[Studio, str], bool]
) -> None:
    with opened(tmp_path / "workspace", standby="true", standby_after_seconds="0") as studio:
        studio.hold.at(1)
        run_id = studio.train(room.order)
        wait_for_standby(studio, run_id)
        studio.hold.at(SAVE_STEPS + 5)  # a run this short would be over before the standby is ready
        trainer = studio.at_step(run_id, SAVE_STEPS + 5)
        studio.wait_for_checkpoint(run_id, SAVE_STEPS)
        wait_until(lambda: "a warm standby is ready" in studio.reasons(run_id), lambda: studio.story(run_id))
        identity = lock_file.read_identity(studio.folder(run_id).standby_lock)
        assert identity is not None
        shown = studio.show(run_id)
        assert shown["standby_pid"] == identity.pid
        assert shown["standby_bytes"] > 100_000_000, "torch alone takes more"
        kill(trainer)
        shown = studio.wait_for_end(run_id)
        assert shown["state"] == "finished"
        assert [(a["pid"], a["exit_code"]) for a in shown["attempts"]] == [(trainer, -9), (identity.pid, 0)]
        assert shown["attempts"][1]["resumed_from_step"] == SAVE_STEPS
        assert [heap(studio, run_id, number) for number in (1, 2)] == [HEAP, HEAP], "started cold, and long before"
        assert is_like_undisturbed(studio, run_id)


def test_a_run_that_a_spare_trained_has_the_result_of_a_cold_start(
    room: Room, tmp_path: Path, is_like_undisturbed: Callable[[Studio, str], bool]
) -> None:
    """Its trainer could import bitsandbytes, which a cold start hides from a run that does not need it."""
    with opened(tmp_path / "workspace") as studio:
        studio.workspace.mkdir()
        container = build_container(Settings(workspace=studio.workspace, trainer_threads=1))
        program, memory = container.supervisor(), Memory(lambda: None, lambda _: None)
        spare = Spare(container.executor(), container.clock(), program, SpareRule(after_seconds=0), memory)
        container.spare.override(Object(spare))
        services = container.services()

        def is_ready() -> bool:
            spare.tend()
            return spare.state() is SpareState.READY

        wait_until(is_ready, "a spare is ready")
        run_id = services.training.start(RunConfig.model_validate(read_yaml(room.order)), room.folder).id
        shown = studio.wait_for_end(run_id)
        container.shutdown_resources()
        assert (shown["state"], len(shown["attempts"])) == ("finished", 1)
        assert f"attempt 1 is process {shown['attempts'][0]['pid']}, the warm standby" in studio.reasons(run_id)
        assert is_like_undisturbed(studio, run_id)
        assert heap(studio, run_id, 1) == HEAP
