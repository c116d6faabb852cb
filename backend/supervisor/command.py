"""How the trainer of one attempt is called."""

from backend.domain.ports import Command
from backend.domain.run import Attempt, Run
from backend.domain.run_directory import RunDirectory
from backend.executors.environment import ATTEMPT, RUN_ID, TOKEN
from backend.supervisor.rules import TrainerProgram


def marks(attempt: Attempt) -> dict[str, str]:
    """What every process of an attempt carries, and nobody else."""
    return {TOKEN: attempt.token}


def attempt_command(program: TrainerProgram, run: Run, attempt: Attempt, devices: dict[str, str]) -> Command:
    """Program, log, lock and environment; `devices` are the variables that show the run's GPUs and no others."""
    folder = RunDirectory(run.run_dir)
    own = marks(attempt) | {RUN_ID: run.id, ATTEMPT: str(attempt.number)}
    return Command(
        argv=program.command_line(run.run_dir),
        cwd=run.run_dir,
        log=folder.log(attempt.number),
        lock=folder.trainer_lock,
        environment=program.environment | devices | own,
    )
