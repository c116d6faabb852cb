"""What accelerate is told, what cannot be started, and how several endings become one."""

import json
import signal
from pathlib import Path

import pytest

from backend.domain.devices import Devices
from backend.domain.exit_record import ExitRecord
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_CHECKPOINTED, EXIT_CONFIGURATION, EXIT_DATA
from backend.trainer.attempt import OwnAttempt
from backend.trainer.errors import DevicesMissing, ProcessLost, StrategyUnavailable
from backend.trainer.launch import RankFailed, raise_ending, rank_record
from backend.trainer.launcher import check, launch_file
from backend.trainer.order import settle_environment
from backend.trainer.stop import GoFile, StopRequested

DONE, SAVED = ExitRecord(0, 9), ExitRecord(EXIT_CHECKPOINTED, 9)
CRASH = ExitRecord(1, 9, "trainer-crashed", "The trainer crashed.", "RuntimeError: Connection closed by peer", "Look.")
WRONG = ExitRecord(EXIT_DATA, 0, "rows-too-long", "2 rows have nothing to learn.", "They are cut.", "Raise it.")


@pytest.fixture
def attempt(tmp_path: Path) -> OwnAttempt:
    run = RunDirectory(tmp_path)
    run.logs.mkdir()
    return OwnAttempt(run, 1, "t")


def end(attempt: OwnAttempt, *records: ExitRecord | None, codes: dict[int, int] | None = None) -> None:
    for rank, record in enumerate(records):
        if record is not None:
            rank_record(attempt.run, 1, rank).write_text(record.to_json())
    if codes is not None:
        rank_record(attempt.run, 1, "codes").write_text(json.dumps(codes))
    raise_ending(attempt, len(records), 9)


def test_the_first_process_says_that_all_is_done(attempt: OwnAttempt) -> None:
    end(attempt, DONE, None)


def test_the_first_process_says_that_all_is_saved(attempt: OwnAttempt) -> None:
    with pytest.raises(StopRequested):
        end(attempt, SAVED, CRASH)


def test_an_error_that_is_explained_counts_more_than_the_crashes_that_it_caused(attempt: OwnAttempt) -> None:
    with pytest.raises(RankFailed) as failed:
        end(attempt, CRASH, WRONG, None)
    assert failed.value.record == WRONG


def test_the_launcher_s_own_error_is_told(attempt: OwnAttempt) -> None:
    told = ExitRecord(EXIT_CONFIGURATION, 0, "strategy-unavailable", "No.", "Why.", "Fix.")
    rank_record(attempt.run, 1, "launcher").write_text(told.to_json())
    with pytest.raises(RankFailed) as failed:
        end(attempt, None, None)
    assert failed.value.record == told


def test_a_process_that_was_killed_is_named_with_the_signal(attempt: OwnAttempt) -> None:
    with pytest.raises(ProcessLost, match=r"Process 2 of 3 ended by signal 9 .SIGKILL. at step 9"):
        end(attempt, CRASH, None, None, codes={0: 1, 1: -signal.SIGTERM, 2: -signal.SIGKILL})


def test_a_process_that_vanished_is_named_even_if_nobody_saw_it(attempt: OwnAttempt) -> None:
    with pytest.raises(ProcessLost, match="Process 1 of 2 ended without a word"):
        end(attempt, CRASH, None)


def test_processes_that_all_crashed_are_told_by_the_first(attempt: OwnAttempt) -> None:
    with pytest.raises(RankFailed) as failed:
        end(attempt, CRASH, CRASH)
    assert failed.value.record == CRASH


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_accelerate_understands_every_file_that_we_write(strategy: str, tmp_path: Path) -> None:
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    has_gpu = strategy != "ddp"
    file = tmp_path / "accelerate.yaml"
    file.write_text(json.dumps(launch_file(Devices(processes=3, strategy=strategy), has_gpu=has_gpu)))  # type: ignore[arg-type]

    config = load_config_from_file(str(file))
    parser = launch_command_parser()
    args, _, _ = _validate_launch_command(parser.parse_args(["--config_file", str(file), "--module", "x"]))

    assert config.num_processes == args.num_processes == 3
    assert (args.multi_gpu, args.use_fsdp, args.use_deepspeed) == (strategy == "ddp", strategy == "fsdp", False)
    assert args.mixed_precision == "no"
    assert args.use_cpu is not has_gpu
    if strategy == "fsdp":
        assert (args.fsdp_version, args.fsdp_state_dict_type) == (2, "FULL_STATE_DICT")


@pytest.mark.parametrize(
    ("strategy", "num_gpus", "words"),
    [("fsdp", 0, "there is none"), ("deepspeed", 0, "pickles"), ("deepspeed", 8, "pickles")],
)
def test_a_strategy_that_cannot_work_here_is_refused(strategy: str, num_gpus: int, words: str) -> None:
    with pytest.raises(StrategyUnavailable, match=words):
        check(Devices(processes=2, strategy=strategy), num_gpus=num_gpus)  # type: ignore[arg-type]


def test_quantized_weights_are_not_shared_out() -> None:
    check(Devices(processes=2, strategy="fsdp"), num_gpus=2)
    with pytest.raises(StrategyUnavailable, match="cannot be shared out"):
        check(Devices(processes=2, strategy="fsdp"), num_gpus=2, is_quantized=True)


def test_more_processes_than_gpus_are_refused_but_not_on_a_cpu() -> None:
    check(Devices(processes=4), num_gpus=0)
    check(Devices(processes=4), num_gpus=4)
    with pytest.raises(DevicesMissing, match="wants 4 GPUs and may use 3"):
        check(Devices(processes=4), num_gpus=3)


@pytest.mark.parametrize(
    ("before", "processes", "after"), [(None, 1, "0"), (None, 3, "0,1,2"), ("4,5,6", 2, "4,5"), ("", 2, "")]
)
def test_each_process_gets_one_of_the_gpus_that_may_be_used(before: str | None, processes: int, after: str) -> None:
    environ = {"ACCELERATE_USE_FSDP": "true"} | ({} if before is None else {"CUDA_VISIBLE_DEVICES": before})
    settle_environment(environ, processes)
    assert environ["CUDA_VISIBLE_DEVICES"] == after
    assert "ACCELERATE_USE_FSDP" not in environ


def test_a_go_file_that_is_gone_means_stop(tmp_path: Path) -> None:
    flag = GoFile(tmp_path / "go")
    (tmp_path / "go").touch()
    assert not flag.is_requested
    flag.check()
    flag.request()
    flag.request()
    with pytest.raises(StopRequested):
        flag.check()
