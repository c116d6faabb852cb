"""A run in two processes on the CPU: the same losses as in one, one writer, crashes that change no bit."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.domain.heartbeat import Heartbeat
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_SOFTWARE
from backend.executors import process_table
from tests.acceptance.holding import Hold
from tests.fakes.forked_trainers import ForkedTrainers
from tests.fakes.tiny_models import tiny_model
from tests.training.runs import (
    MakeRun,
    Room,
    checkpoints,
    curves,
    exit_record,
    finish,
    read,
    spawn,
    sum_row,
    wait_until,
    weights,
)

pytestmark = [pytest.mark.training, pytest.mark.process]

TRAINING = {"max_steps": 8, "save_steps": 3, "batch_size": 2, "logging_steps": 2}
TWO = {"processes": 2}


@pytest.fixture(scope="module")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    folder = tmp_path_factory.mktemp("two")
    rows = [sum_row(a, b) for a in range(4) for b in range(6)]
    dataset = folder / "sums.jsonl"
    dataset.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    corpus = [turn["content"] for row in rows for turn in row["messages"]]
    return MakeRun(Room({"llama": tiny_model(folder / "llama", "llama", corpus)}, dataset), folder)


@pytest.fixture(scope="module")
def trainers() -> Iterator[ForkedTrainers]:
    trainers = ForkedTrainers()
    yield trainers
    trainers.close()


@pytest.fixture(scope="module")
def calm(make_run: MakeRun, trainers: ForkedTrainers) -> RunDirectory:
    """Two processes that nobody disturbed."""
    run = make_run("calm", training=TRAINING, devices=TWO)
    assert trainers.train(run, processes=2) == 0, read(run.log(1))
    return run


def test_two_processes_learn_what_one_learns_from_the_same_rows(make_run: MakeRun, trainers: ForkedTrainers) -> None:
    method = {"name": "lora", "dropout": 0}
    # 20 rows to learn: the last step of an epoch has as many rows as the others, none is filled up with rows seen before
    dataset = {"path": str(make_run.room.dataset), "validation_fraction": 4 / 24}
    one = make_run("one", training=TRAINING | {"gradient_accumulation": 2}, method=method, dataset=dataset)
    two = make_run("two", training=TRAINING, method=method, dataset=dataset, devices=TWO)

    assert trainers.train(one) == 0, read(one.log(1))
    assert trainers.train(two, processes=2) == 0, read(two.log(1))

    expected, found = curves(one), curves(two)
    assert expected.keys() == found.keys()
    for tag, points in expected.items():
        assert [step for step, _ in found[tag]] == [step for step, _ in points]
        assert [value for _, value in found[tag]] == pytest.approx([value for _, value in points], rel=2e-4), tag
    assert "| Steps | 8 of 4 rows |" in read(two.adapter / "README.md")


def test_only_the_first_process_writes(calm: RunDirectory) -> None:
    assert len(list(calm.tensorboard.iterdir())) == 1
    assert checkpoints(calm) == {"checkpoint-6", "checkpoint-8"}
    assert read(calm.log(1)).count("step 4/8 loss") == 1
    states = json.loads(read(calm.checkpoints / "checkpoint-8" / "processes.json"))
    assert len(states["list"]) == 2


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_is_killed_takes_the_attempt_along_and_a_resume_changes_no_bit(
    rank: int, make_run: MakeRun, trainers: ForkedTrainers, calm: RunDirectory
) -> None:
    """At step 7 the checkpoint of step 3 is on the disk for certain; that of step 6 may still be being written."""
    hit = make_run(f"hit-{rank}", training=TRAINING, devices=TWO)

    assert trainers.train(hit, processes=2, kill_at=7, kill_rank=rank) == -signal.SIGKILL
    assert trainers.train(hit, processes=2) == 0, read(hit.log(1))

    assert re.search(r"resuming from step [36]\n", read(hit.log(1)))
    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)


def test_all_stop_at_the_same_step_and_a_resume_changes_no_bit(
    make_run: MakeRun, trainers: ForkedTrainers, calm: RunDirectory
) -> None:
    stopped = make_run("stopped", training=TRAINING, devices=TWO)

    assert trainers.train(stopped, processes=2, stop_at=5) == 0, read(stopped.log(1))
    assert "checkpoint-5" in checkpoints(stopped)
    assert not stopped.adapter.exists()
    assert trainers.train(stopped, processes=2) == 0, read(stopped.log(1))

    assert weights(stopped) == weights(calm)
    assert curves(stopped) == curves(calm)


def test_the_launched_processes_leave_no_orphan_and_a_lost_one_is_told(
    make_run: MakeRun, trainers: ForkedTrainers, calm: RunDirectory, tmp_path: Path
) -> None:
    """accelerate's real launcher: killed at its head, then in one process; the end is again the same bits."""
    hit = make_run("launched", training=TRAINING, devices=TWO)
    marks = {"PEFT_STUDIO_RUN_ID": "launched", "PEFT_STUDIO_TOKEN": "t", "PEFT_STUDIO_THREADS": "1"}

    hold = Hold(tmp_path / "hold.json")
    hold.at(4)  # a busy machine cannot carry them to their end meanwhile
    head = spawn(hit, **marks, **hold.environment(os.environ))
    wait_until(lambda: head.poll() is not None or (bool(ranks_of("launched")) and has_checkpoint(hit)))
    head.kill()
    assert finish(head) == -signal.SIGKILL
    wait_until(lambda: not ranks_of("launched"))

    head = spawn(hit, **marks)
    wait_until(lambda: len(ranks_of("launched")) == 2 or head.poll() is not None)
    os.kill(ranks_of("launched")[1], signal.SIGKILL)
    assert finish(head) == EXIT_SOFTWARE, read(hit.log(1))

    record = exit_record(hit)
    assert record.error_id == "process-lost"
    assert "Process 1 of 2 ended by signal 9 (SIGKILL)" in record.what
    assert not ranks_of("launched")
    assert trainers.train(hit, processes=2) == 0, read(hit.log(1))
    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)


def test_a_launched_run_stops_on_request(make_run: MakeRun) -> None:
    run = make_run("asked", training=TRAINING | {"max_steps": 5000, "save_steps": 2000}, devices=TWO)
    head = spawn(run, PEFT_STUDIO_THREADS="1")
    wait_until(lambda: (signs(run) or 0) >= 2 or head.poll() is not None)
    head.send_signal(signal.SIGTERM)

    assert finish(head) == 75, read(run.log(1))

    record = exit_record(run)
    assert checkpoints(run) == {f"checkpoint-{record.step}"}


def signs(run: RunDirectory) -> int | None:
    """The step that the newest heartbeat names."""
    beat = Heartbeat.from_json(read(run.heartbeat))
    return beat.step if beat else None


def has_checkpoint(run: RunDirectory) -> bool:
    return (run.checkpoints / "checkpoint-3").exists()


def ranks_of(run_id: str) -> dict[int, int]:
    """Process numbers by rank."""
    found = {}
    for entry in process_table.processes():
        environment = process_table.environment(entry.pid)
        if not entry.is_zombie and environment.get("PEFT_STUDIO_RUN_ID") == run_id and "RANK" in environment:
            found[int(environment["RANK"])] = entry.pid
    return found
