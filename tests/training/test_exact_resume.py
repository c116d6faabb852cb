"""A run that was killed or stopped ends with the same bits as one that was left alone."""

import random
import signal
from typing import Any

import pytest

from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_CHECKPOINTED
from backend.trainer.stop import StopRequested
from tests.training.runs import (
    Crash,
    MakeRun,
    Room,
    attempt_here,
    checkpoints,
    curves,
    exit_record,
    finish,
    read,
    spawn,
    weights,
)

pytestmark = pytest.mark.training

ALSO_ELSEWHERE = pytest.mark.no_cover  # the same lines as in the tests below; tracing costs a quarter
METHODS = {
    name: {"name": name, "dropout": 0.1, "rank": 4} for name in ("qlora", "dora", "pissa", "rslora", "adalora")
} | {
    "full": {"name": "full"},
    "freeze": {"name": "freeze", "last_blocks": 1},
    "p_tuning": {"name": "p_tuning", "tokens": 4, "hidden_size": 16},
    "LoRA+": {"name": "lora", "rank": 4, "lora_plus_ratio": 8},
    "LoRA-FA": {"name": "lora", "rank": 4, "lora_fa": True},
}
STARTS = ("olora", "corda", "lora_ga", "eva")
TRAININGS = {
    "accumulation and uneven epochs": {
        "gradient_accumulation": 3,
        "batch_size": 3,
        "max_steps": None,
        "epochs": 2.5,
    },
    "points over four steps, saved every five": {"logging_steps": 4},
    "evaluation on its own beat": {"eval_steps": 3},
    "gradient checkpointing": {"gradient_checkpointing": True},
    "adafactor, linear": {"optimizer": "adafactor", "scheduler": "linear", "warmup_ratio": 0.3},
    "sgd, no clipping": {"optimizer": "sgd", "max_grad_norm": 0, "weight_decay": 0.1},
    "fused, constant": {"optimizer": "adamw_torch_fused", "scheduler": "constant_with_warmup"},
    "bfloat16": {"precision": "bfloat16"},
    "eight bits, paged": {"optimizer": "paged_adamw_8bit"},
}


@pytest.fixture(scope="module")
def calm(room: Room, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A run that nobody touches; the measure for all that are told the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PEFT_STUDIO_THREADS", "1")
        run = MakeRun(room, tmp_path_factory.mktemp("calm"))("calm")
        attempt_here(run)
    return run


@ALSO_ELSEWHERE
@pytest.mark.parametrize("training", TRAININGS.values(), ids=TRAININGS.keys())
def test_a_crash_changes_no_bit_however_one_trains(training: dict[str, Any], make_run: MakeRun) -> None:
    check_that_a_crash_changes_nothing(make_run, training=training)


@ALSO_ELSEWHERE
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_a_crash_changes_no_bit_whatever_the_method(method: dict[str, Any], make_run: MakeRun) -> None:
    check_that_a_crash_changes_nothing(make_run, method=method, model="gemma3")


@ALSO_ELSEWHERE
@pytest.mark.parametrize("start", STARTS)
def test_a_crash_changes_no_bit_whatever_the_start(start: str, make_run: MakeRun) -> None:
    method = {"name": "lora", "rank": 4, "init": start, "calibration_rows": 8}
    check_that_a_crash_changes_nothing(make_run, crashes=(7,), method=method, model="qwen3")


def test_a_crash_before_the_first_checkpoint_starts_again_without_a_trace(make_run: MakeRun) -> None:
    check_that_a_crash_changes_nothing(make_run, crashes=(3,))


def test_a_crash_between_the_last_checkpoint_and_the_result_trains_no_step_more(
    make_run: MakeRun, calm: RunDirectory
) -> None:
    hit = make_run("hit")
    attempt_here(hit)
    for file in hit.adapter.iterdir():
        file.unlink()
    hit.adapter.rmdir()

    attempt_here(hit)

    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)


@pytest.mark.parametrize("step", [4, 5, 7])
def test_a_stop_changes_no_bit_and_saves_where_it_was(step: int, make_run: MakeRun, calm: RunDirectory) -> None:
    stopped = make_run("stopped")

    with pytest.raises(StopRequested):
        attempt_here(stopped, stop_at=step)

    assert f"checkpoint-{step}" in checkpoints(stopped)
    assert not stopped.adapter.exists()
    attempt_here(stopped)
    assert weights(stopped) == weights(calm)
    assert curves(stopped) == curves(calm)


def test_a_stop_at_the_last_step_still_finishes_the_run(make_run: MakeRun, calm: RunDirectory) -> None:
    stopped = make_run("stopped")

    with pytest.raises(StopRequested):
        attempt_here(stopped, stop_at=12)
    attempt_here(stopped)

    assert weights(stopped) == weights(calm)
    assert curves(stopped) == curves(calm)


def test_a_stop_in_the_first_evaluation_leaves_it_to_the_next_attempt(make_run: MakeRun, calm: RunDirectory) -> None:
    stopped = make_run("stopped")

    with pytest.raises(StopRequested):
        attempt_here(stopped, stop_in=Phase.EVALUATING)
    assert not checkpoints(stopped)
    attempt_here(stopped)

    assert curves(stopped) == curves(calm)
    assert (stopped.adapter / "README.md").read_text() == (calm.adapter / "README.md").read_text()


def test_a_stop_in_an_evaluation_that_is_made_up_for_leaves_it_to_the_next_attempt(
    make_run: MakeRun, calm: RunDirectory
) -> None:
    stopped = make_run("stopped")

    with pytest.raises(StopRequested):
        attempt_here(stopped, stop_at=5)
    with pytest.raises(StopRequested):
        attempt_here(stopped, stop_in=Phase.EVALUATING)
    assert checkpoints(stopped) == {"checkpoint-5"}
    attempt_here(stopped)

    assert weights(stopped) == weights(calm)
    assert curves(stopped) == curves(calm)


def test_an_attempt_that_is_stopped_while_it_prepares_stands_where_it_would_go_on(make_run: MakeRun) -> None:
    run = make_run()
    with pytest.raises(Crash):
        attempt_here(run, crash_at=7)

    with pytest.raises(StopRequested):
        attempt_here(run, stop_in=Phase.PREPARING)

    beat = Heartbeat.from_json(read(run.heartbeat))
    assert beat is not None
    assert beat.step == 5


def test_other_rows_are_refused(make_run: MakeRun, tmp_path: Any) -> None:
    from backend.trainer.errors import DatasetChanged

    dataset = tmp_path / "rows.jsonl"
    text = make_run.room.dataset.read_text(encoding="utf-8")
    dataset.write_text(text, encoding="utf-8")
    run = make_run(dataset=str(dataset))
    with pytest.raises(Crash):
        attempt_here(run, crash_at=7)

    dataset.write_text("\n".join(text.splitlines()[1:]), encoding="utf-8")

    with pytest.raises(DatasetChanged):
        attempt_here(run)


def test_damaged_checkpoints_are_put_aside_and_the_last_good_one_is_used(make_run: MakeRun, calm: RunDirectory) -> None:
    hit = make_run("hit")
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=11)
    optimizer = hit.checkpoints / "checkpoint-10" / "optimizer.safetensors"
    data = bytearray(optimizer.read_bytes())
    data[len(data) // 2] ^= 1
    optimizer.write_bytes(data)
    (hit.checkpoints / "checkpoint-11").mkdir()
    (hit.checkpoints / ".staging-checkpoint-12-1").mkdir()

    attempt_here(hit)

    assert checkpoints(hit) == {
        "checkpoint-10",
        "checkpoint-12",
        "checkpoint-10.corrupt",
        "checkpoint-11.corrupt",
    }
    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)


@pytest.mark.process
def test_kill_9_and_sigterm_of_the_real_process_change_no_bit(make_run: MakeRun) -> None:
    training = {"max_steps": 150, "save_steps": 4}
    calm, hit = make_run("calm", training=training), make_run("hit", training=training)
    attempt_here(calm)

    process = spawn(hit, at=(Phase.TRAINING, random.randrange(20, 60), signal.SIGKILL))  # noqa: S311
    assert finish(process) == -signal.SIGKILL, read(hit.log(1))
    assert checkpoints(hit)

    process = spawn(hit, at=(Phase.TRAINING, 80, signal.SIGTERM))
    assert finish(process) == EXIT_CHECKPOINTED, read(hit.log(1))
    record = exit_record(hit)
    assert record.code == EXIT_CHECKPOINTED
    assert f"checkpoint-{record.step}" in checkpoints(hit)

    assert finish(spawn(hit)) == 0, read(hit.log(1))

    assert f"resuming from step {record.step}" in read(hit.log(1))
    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)
    assert [step for step, _ in curves(hit)["train/loss"]] == list(range(1, 151))


def check_that_a_crash_changes_nothing(make_run: MakeRun, crashes: tuple[int, ...] = (7, 9), **sections: Any) -> None:
    """Two crashes: both fall back to step 5, the second one in an attempt that was resumed itself."""
    calm, hit = make_run("calm", **sections), make_run("hit", **sections)
    attempt_here(calm)
    for step in crashes:
        with pytest.raises(Crash):
            attempt_here(hit, crash_at=step)
    attempt_here(hit)

    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)
