"""The small parts of the trainer."""

import errno
import io
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from backend.domain.exit_record import ExitRecord
from backend.domain.heartbeat import Heartbeat, Phase
from backend.domain.run_config import RunConfig, Training
from backend.domain.run_directory import RunDirectory
from backend.store.leftovers import sweep
from backend.trainer import __main__ as main_module
from backend.trainer.attempt import OwnAttempt, own_attempt
from backend.trainer.errors import AttemptSuperseded, DiskFull, NotWritten, memory_error, write_error
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.order import hide_bitsandbytes, settle_environment
from backend.trainer.progress import Progress
from backend.trainer.say import say
from backend.trainer.staging import quarantine, remove, staged
from backend.trainer.stop import StopFlag, StopRequested


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def read_beat(path: Path) -> Heartbeat:
    beat = Heartbeat.from_json(path.read_text())
    assert beat is not None
    return beat


@pytest.mark.parametrize("changes", [{"step": "x"}, {"phase": "resting"}, {"loss": []}, {"pid": None}])
def test_a_heartbeat_of_other_types_is_none(changes: dict[str, Any]) -> None:
    beat = Heartbeat("t", 1, 2, Phase.TRAINING, 3, 4, at=5.5, loss=0.25)
    assert Heartbeat.from_json(beat.to_json()) == beat
    assert Heartbeat.from_json(json.dumps(json.loads(beat.to_json()) | changes)) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"code": "x", "step": 1}', '{"code": 0}', '{"code": 0, "step": null}']
)
def test_what_is_no_exit_record_is_none(text: str) -> None:
    record = ExitRecord(78, 4, "an-id", "What.", "Why.", "Fix.")
    assert ExitRecord.from_json(record.to_json()) == record
    assert ExitRecord.from_json(text) is None


def test_the_heartbeat_is_replaced_at_most_five_times_a_second_within_a_phase(tmp_path: Path) -> None:
    clock, path = Hand(), tmp_path / "heartbeat"
    writer = HeartbeatWriter(path, token="t", attempt=2, clock=clock)  # noqa: S106 - a fence
    writer.write()

    writer.beat(Phase.TRAINING, step=1)
    assert read_beat(path).step == 1
    clock.at += 0.1
    writer.beat(Phase.TRAINING, step=2)
    assert read_beat(path).step == 1
    clock.at += 0.125
    writer.beat(Phase.TRAINING, step=3, loss=1.5)
    assert (read_beat(path).step, read_beat(path).loss) == (3, 1.5)
    writer.beat(Phase.SAVING)
    beat = read_beat(path)
    assert (beat.phase, beat.step, beat.loss, beat.attempt, beat.pid) == (Phase.SAVING, 3, 1.5, 2, os.getpid())


def test_a_heartbeat_s_detail_belongs_to_one_call(tmp_path: Path) -> None:
    writer = HeartbeatWriter(tmp_path / "heartbeat", token="t", attempt=1)  # noqa: S106

    writer.beat(Phase.BUILDING, detail="reading", phase_progress=0.5)
    writer.beat(Phase.LOADING)

    assert (writer.last.detail, writer.last.phase_progress) == ("", None)


def test_a_clock_that_goes_back_does_not_silence_the_heartbeat(tmp_path: Path) -> None:
    clock, path = Hand(), tmp_path / "heartbeat"
    writer = HeartbeatWriter(path, token="t", attempt=1, clock=clock)  # noqa: S106
    writer.beat(Phase.TRAINING, step=1)

    clock.at -= 3600
    writer.beat(Phase.TRAINING, step=2)

    assert read_beat(path).step == 2


def test_a_disk_that_takes_no_heartbeat_does_not_stop_training(tmp_path: Path) -> None:
    writer = HeartbeatWriter(tmp_path / "gone" / "heartbeat", token="t", attempt=1)  # noqa: S106

    writer.beat(Phase.TRAINING, step=1)

    assert writer.last.step == 1


def test_a_staged_folder_appears_whole(tmp_path: Path) -> None:
    def before(folder: Path) -> None:
        assert (folder / "a").read_text() == "1"
        assert not (tmp_path / "result").exists()

    with staged(tmp_path / "result", before_rename=before) as folder:
        (folder / "a").write_text("1")
        (folder / "sub").mkdir()
        (folder / "sub" / "b").write_text("2")

    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert (tmp_path / "result" / "sub" / "b").read_text() == "2"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFull),
        (RuntimeError("I/O error: No space left on device (os error 28)"), DiskFull),
        (RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"), NotWritten),
        (PermissionError(errno.EACCES, "Permission denied"), NotWritten),
        (RuntimeError("a bug"), RuntimeError),
        (AttemptSuperseded(number=1, fence="attempt.json"), AttemptSuperseded),
    ],
)
def test_a_failed_staging_leaves_nothing_and_says_why(
    raised: Exception, expected: type[Exception], tmp_path: Path
) -> None:
    def refuse(_: Path) -> None:
        raise raised

    with pytest.raises(expected), staged(tmp_path / "result", before_rename=refuse) as folder:
        (folder / "a").write_text("1")

    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_of_torch_on_a_full_disk_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.trainer.errors.free_bytes", lambda _: 4096)

    error = write_error(RuntimeError("PytorchStreamWriter failed writing file data/0"), "x", tmp_path)

    assert isinstance(error, DiskFull)
    assert "4,096 bytes" in error.explain().why


def test_sweeping_removes_leftovers_and_nothing_else(tmp_path: Path) -> None:
    for name in (".staging-checkpoint-3-99", ".deleting-checkpoint-1", "checkpoint-2", "checkpoint-4.corrupt"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("")

    sweep(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-2", "checkpoint-4.corrupt"}


def test_quarantine_never_overwrites_and_removal_is_complete(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        (tmp_path / "checkpoint-5").mkdir()
        names.append(quarantine(tmp_path / "checkpoint-5").name)
    assert names == ["checkpoint-5.corrupt", "checkpoint-5.corrupt-2", "checkpoint-5.corrupt-3"]

    (tmp_path / "checkpoint-6").mkdir()
    remove(tmp_path / "checkpoint-6")
    assert {path.name for path in tmp_path.iterdir()} == set(names)


def test_progress_survives_a_round_trip_and_rubbish_is_none(tmp_path: Path) -> None:
    progress = Progress(3, "abc", loss_sum=0.1 + 0.2, logged_step=1, evaluated_step=None, first_eval_loss=1 / 3)

    (tmp_path / "progress.json").write_text(progress.text(), encoding="utf-8")

    assert Progress.read(tmp_path) == progress
    (tmp_path / "progress.json").write_text('{"step": 1, "nose": 2}')
    assert Progress.read(tmp_path) is None
    assert Progress.read(tmp_path / "gone") is None


def test_the_fence_lets_only_its_own_token_pass(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    mine = OwnAttempt(run, 1, "mine")

    mine.check_fence()
    run.fence.write_text(json.dumps({"number": 1, "token": "mine"}))
    mine.check_fence()
    for text in ('{"number": 2, "token": "other"}', "{torn", "[]"):
        run.fence.write_text(text)
        with pytest.raises(AttemptSuperseded):
            mine.check_fence()


def test_the_supervisor_s_word_comes_before_the_fence_s(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    by_hand = own_attempt(run, {})
    assert (by_hand.number, len(by_hand.token)) == (1, 16)

    run.fence.write_text('{"number": 4, "token": "four"}')
    assert own_attempt(run, {}) == OwnAttempt(run, 4, "four")
    told = {"PEFT_STUDIO_ATTEMPT": "5", "PEFT_STUDIO_TOKEN": "five"}
    assert own_attempt(run, told) == OwnAttempt(run, 5, "five")


def test_memory_errors_of_gpu_and_computer_are_told_apart() -> None:
    gpu = memory_error(type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory. Tried 2 GiB\nmore"), 7)
    computer = memory_error(RuntimeError("[x] DefaultCPUAllocator: can't allocate memory"), 7)

    assert gpu is not None
    assert computer is not None
    assert memory_error(MemoryError(), 7) is not None
    assert memory_error(RuntimeError("a bug"), 7) is None
    assert gpu.explain().what == "The memory of the GPU is exhausted at step 7."
    assert gpu.explain().why == "CUDA out of memory. Tried 2 GiB"
    assert "computer" in computer.explain().what
    assert (gpu.id, computer.id) == ("gpu-out-of-memory", "out-of-memory")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_a_lack_of_the_computer_s_memory_has_many_faces(error: Exception) -> None:
    found = memory_error(error, 7)
    assert found is not None
    assert found.id == "out-of-memory"


def test_a_request_to_stop_is_kept() -> None:
    flag = StopFlag()
    flag.check()

    flag.request()

    assert flag.is_requested
    with pytest.raises(StopRequested):
        flag.check()


def test_a_log_that_takes_no_line_does_not_change_how_an_attempt_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    say("a line")
    record = main_module._failed(
        DiskFull(name="x", folder="/f", free_bytes=0),
        HeartbeatWriter(tmp_path / "h", token="t", attempt=1),  # noqa: S106 - a fence
    )
    assert (record.code, record.error_id) == (74, "disk-full")


def test_the_environment_is_quiet_and_accelerate_has_no_say() -> None:
    environ = {"ACCELERATE_MIXED_PRECISION": "fp16", "CUDA_VISIBLE_DEVICES": "3", "PEFT_STUDIO_HUB_OFFLINE": "1"}

    settle_environment(environ)

    assert environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    assert environ["CUDA_VISIBLE_DEVICES"] == "3"
    assert environ["HF_HUB_OFFLINE"] == "1"
    assert "ACCELERATE_MIXED_PRECISION" not in environ
    online: dict[str, str] = {"PEFT_STUDIO_HUB_OFFLINE": "false", "CUDA_VISIBLE_DEVICES": "2,3"}
    settle_environment(online)
    assert "HF_HUB_OFFLINE" not in online
    assert online["CUDA_VISIBLE_DEVICES"] == "2", "one process trains on one GPU"


@pytest.mark.parametrize(
    ("order", "on_disk", "is_hidden"),
    [
        ({"method": "lora"}, "{}", True),
        ({"method": "lora"}, '{"quantization_config": {}}', False),
        ({"method": "lora"}, None, False),
        ({"method": "qlora"}, "{}", False),
        ({"method": "lora", "base_model": "demo"}, None, True),
    ],
)
def test_bitsandbytes_is_hidden_only_where_no_weight_can_be_quantized(
    order: dict[str, Any],
    on_disk: str | None,
    is_hidden: bool,
    tmp_path: Path,
) -> None:
    if on_disk is not None:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "config.json").write_text(on_disk)
    config = RunConfig.model_validate({"base_model": "model", "dataset": "d.jsonl"} | order)

    modules: dict[str, ModuleType | None] = {}
    hide_bitsandbytes(config, tmp_path, modules)
    assert modules == ({"bitsandbytes": None} if is_hidden else {})

    loaded: dict[str, ModuleType | None] = {"peft": ModuleType("peft")}
    hide_bitsandbytes(config, tmp_path, loaded)
    assert "bitsandbytes" not in loaded


@pytest.mark.parametrize(
    ("step", "is_asked", "expected"),
    [
        (1, False, (False, False, False, False)),
        (2, False, (True, False, False, False)),
        (3, False, (False, True, False, False)),
        (5, False, (False, False, True, False)),
        (3, True, (False, False, True, True)),
        (7, False, (True, True, True, True)),
        (7, True, (True, True, True, True)),
    ],
)
def test_a_step_s_end_decides_what_follows(step: int, is_asked: bool, expected: tuple[bool, ...]) -> None:
    from transformers import TrainerControl, TrainerState

    from backend.trainer.callbacks import Rhythm

    stop = StopFlag()
    if is_asked:
        stop.request()
    training = Training(max_steps=7, logging_steps=2, eval_steps=3, save_steps=5)
    rhythm = Rhythm(training, stop, has_validation=True)
    state = TrainerState(global_step=step, max_steps=7)

    control = rhythm.on_step_end(None, state, TrainerControl())  # type: ignore[arg-type]

    flags = (
        control.should_log,
        control.should_evaluate,
        control.should_save,
        control.should_training_stop,
    )
    assert flags == expected


def test_an_event_file_starts_with_a_restart_marker_and_keeps_a_step_in_one_record(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    from backend.trainer.curves import EventFile

    events = EventFile(tmp_path / "tensorboard", first_step=6)
    events.add(6, {"train/loss": 1.5, "train/epoch": 0.25})
    events.sync()

    (file,) = (tmp_path / "tensorboard").iterdir()
    version, start, point = EventFileLoader(str(file)).Load()
    events.close()
    assert "tfevents" in file.name
    assert version.file_version == "brain.Event:2"
    assert (start.step, start.session_log.status) == (6, 1)
    assert (point.step, [value.tag for value in point.summary.value]) == (6, ["train/loss", "train/epoch"])


def test_a_later_event_file_has_a_later_name_whatever_the_clock_and_the_process_ids_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.trainer import curves

    now, pids = iter([1000.9, 1000.95, 400.0]), iter([32767, 310, 9])
    monkeypatch.setattr(curves.time, "time", lambda: next(now))
    monkeypatch.setattr(curves.os, "getpid", lambda: next(pids))
    monkeypatch.setattr(curves.EventFile, "_write", lambda *_: None)
    made: list[str] = []
    for first_step in (0, 11, 21):
        curves.EventFile(tmp_path, first_step=first_step).close()
        made += {path.name for path in tmp_path.iterdir()} - set(made)
    assert made == sorted(made)
    assert [name.split(".")[3] for name in made] == ["0000001000", "0000001001", "0000001002"]


def test_the_card_states_facts_and_cannot_be_broken_by_names() -> None:
    from backend.trainer.ending import Chosen
    from backend.trainer.result import Facts, card

    config = RunConfig.model_validate(
        {"name": "a|b\n# <script>", "base_model": "x", "dataset": "d|.jsonl", "method": "dora"}
    )
    progress = Progress(9, "f00", first_eval_loss=2.5, last_eval_loss=1.5)
    facts = Facts("it's", progress, Chosen(7, 1.25, "the best a|b"), 30, 3)

    text = card(config, facts)

    assert "base_model: 'it''s'" in text
    assert "2.5000 nats per token" in text
    assert "1.2500 nats per token" in text
    assert "| Steps | 9 of 4 rows |" in text
    assert "<script>" not in text
    assert "d\\|.jsonl (30 rows to learn, 3 to evaluate)" in text
    assert "not measured" in card(config, Facts("x", Progress(1, "f"), Chosen(1, None, "the last one"), 1, 0))
