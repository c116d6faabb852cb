"""The frame of a trainer: who it is, its signs of life, its signals, and how it ended.

Usage: python -m backend.trainer RUN_DIR. Exit codes: 0 done, 75 checkpointed on request (or another trainer
has the run), 64, 65, 78 wrong use, data, configuration; other errors of ours as they say, anything else 1.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from backend.domain.exit_record import ExitRecord, Proposal
from backend.domain.run_directory import RunDirectory
from backend.errors import EXIT_CHECKPOINTED, EXIT_USAGE, StudioError
from backend.executors.heap import importing_for_good
from backend.executors.lock_file import hold
from backend.executors.orphans import take_forks_along
from backend.store.checkpoints import sealed
from backend.store.files import replace_text
from backend.trainer.attempt import OwnAttempt, own_attempt
from backend.trainer.errors import memory_error, write_error
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.launch import RankFailed, train_in_processes
from backend.trainer.say import say
from backend.trainer.stacks import tell_stacks_on_request
from backend.trainer.stop import StopFlag, StopRequested

EXIT_CRASHED = 1


def main(argv: Sequence[str]) -> int:
    """Train the run of a directory; the exit code."""
    tell_stacks_on_request()
    if len(argv) != 1 or not Path(argv[0]).is_dir():
        say("usage: python -m backend.trainer RUN_DIR (an existing folder with a run.yaml)")
        return EXIT_USAGE
    run = RunDirectory(Path(argv[0]).resolve())
    if hold(run.trainer_lock) is None:
        say(f"another trainer is at work on {run.root}; nothing was done")
        return EXIT_CHECKPOINTED
    attempt = own_attempt(run, os.environ)
    heartbeat = HeartbeatWriter(run.heartbeat, token=attempt.token, attempt=attempt.number)
    take_forks_along()
    stop = StopFlag()
    stop.listen()
    heartbeat.write()  # whoever sees it may send TERM
    record = run_to_end(attempt, heartbeat, stop)
    heartbeat.write()
    try:
        run.logs.mkdir(exist_ok=True)
        replace_text(run.exit_record(attempt.number), record.to_json())
    except OSError as error:  # a full disk: the exit code still says how it ended
        say(f"the exit record could not be written: {error}")
    return record.code


def run_to_end(attempt: OwnAttempt, heartbeat: HeartbeatWriter, stop: StopFlag, *, is_rank: bool = False) -> ExitRecord:
    """Train, and turn every possible end into a record; the broad handler is the program's outermost one.

    `is_rank` says that this is one of the processes of an attempt that has several.
    """
    try:
        _prepare_and_train(attempt, heartbeat, stop, is_rank=is_rank)
    except RankFailed as error:
        return error.record
    except StopRequested:
        say("stopped on request")
        return ExitRecord(EXIT_CHECKPOINTED, heartbeat.last.step)
    except StudioError as error:
        return _failed(error, heartbeat)
    except Exception as error:  # noqa: BLE001 - the outermost frame
        say(traceback.format_exc())
        step = heartbeat.last.step
        known = memory_error(error, step) or _disk_full(error, attempt.run)
        if known is not None:
            return _failed(known, heartbeat)
        what = f"The trainer crashed at step {step}."
        why = f"{type(error).__name__}: {error}".strip()
        return ExitRecord(EXIT_CRASHED, step, "trainer-crashed", what, why, "Look into the attempt's log.")
    return ExitRecord(0, heartbeat.last.step)


def _prepare_and_train(attempt: OwnAttempt, heartbeat: HeartbeatWriter, stop: StopFlag, *, is_rank: bool) -> None:
    """Everything that needs more than the standard library is imported here, after the first sign of life."""
    from backend.trainer.order import (  # noqa: PLC0415
        hide_bitsandbytes,
        is_finished,
        read_order,
        settle_allocator,
        settle_environment,
        settle_main_memory,
    )

    newest = sealed(attempt.run.checkpoints)
    heartbeat.beat(step=newest[0].step if newest else 0)  # where it goes on, unless that checkpoint is damaged
    if is_finished(attempt.run):
        say("the adapter is there already; nothing to do")
        return
    config = read_order(attempt.run)
    if not is_rank:
        settle_environment(os.environ, config.devices.processes)
        settle_allocator(os.environ, config)
    settle_main_memory(os.environ, config)
    if config.devices.processes > 1 and not is_rank:
        stop.check()
        train_in_processes(attempt, config.devices.processes, heartbeat, stop)
        return
    hide_bitsandbytes(config, attempt.run.root, sys.modules)  # type: ignore[arg-type] # typeshed has no None
    stop.check()
    with importing_for_good():
        from backend.trainer.memory_watch import MemoryWatch  # noqa: PLC0415 - it imports torch
        from backend.trainer.parts import Work  # noqa: PLC0415 - about four seconds of CPU
        from backend.trainer.training import train  # noqa: PLC0415

    memory = MemoryWatch(attempt.run.memory(attempt.number), attempt.number)
    heartbeat.told = memory.beat
    try:
        train(Work(attempt, config, heartbeat, stop, memory))
    finally:
        memory.write(is_last=True)


def _disk_full(error: Exception, run: RunDirectory) -> StudioError | None:
    """A full disk outside of checkpoints, such as in the event file; other OSErrors keep their traceback."""
    known = write_error(error, "a file of the run", run.root)
    return known if known is not None and known.id == "disk-full" else None


def _failed(error: StudioError, heartbeat: HeartbeatWriter) -> ExitRecord:
    told = asdict(error.explain())
    say(str(error))
    texts = {name: told[name] for name in ("what", "why", "fix")}
    record = ExitRecord(error.exit_code, heartbeat.last.step, error.id, **texts)
    proposal = error.data.get("proposal")
    if not isinstance(proposal, Proposal):
        return record
    return replace(record, changes=proposal.changes, good_step=proposal.good_step)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
