"""Branching: a run once more from the start, on beyond its end, or on from a checkpoint with changed settings."""

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from backend.domain.adjustments import Adjustment, adjusted
from backend.domain.branches import FIXED_LENGTH, FORK, START_OVER, STEPS, forked
from backend.domain.ports import BranchFiles, Processes, RunStore
from backend.domain.run import Origin, Run
from backend.domain.run_config import RunConfig
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState, Wish
from backend.services.config_service import ConfigService, problems_of
from backend.services.errors import CannotExtend, CannotFork, ConfigInvalid
from backend.services.training import TrainingService

MOST_NAME = 200


class Branching:
    """Makes runs of runs. What a run has is never lost by it: checkpoints are shared, results are kept beside."""

    def __init__(
        self,
        store: RunStore,
        files: BranchFiles,
        processes: Processes,
        training: TrainingService,
        configs: ConfigService,
    ) -> None:
        self._store = store
        self._files = files
        self._processes = processes
        self._training = training
        self._configs = configs

    def start_over(self, run_id: str) -> Run:
        """A new run with the same order from step 0; the old one stays as it is. Raises PreflightFailed."""
        run = self._store.get(run_id)
        order = self._configs.read(RunDirectory(run.run_dir).config)
        return self._training.start(order, run.run_dir, origin=Origin(run_id, START_OVER))

    def extend(self, run_id: str, more_steps: int) -> Run:
        """Let a finished run go on for more steps, from its last whole checkpoint with its exact state.

        Its former result is kept beside, as adapter-step-N. Raises CannotExtend.
        """
        run_dir = self._store.get(run_id).run_dir
        if not run_dir.is_dir():
            raise CannotExtend(run_id=run_id, why="Its folder is gone.")
        with self._files.alone(run_dir):
            run = self._store.get(run_id)
            done = self._extendable(run, more_steps)
            total = done + more_steps
            reason = f"it was extended by {more_steps} steps, from step {done} to {total}"
            number = (run.latest_attempt.number if run.latest_attempt else 0) + 1
            changes: dict[str, JsonValue] = {STEPS: total}
            change = Adjustment(attempt=number, kind="extension", reason=reason, changes=changes, good_step=done)
            self._files.adjust(run_dir, change)
            self._store.set_wish(run_id, Wish.RUN, f"{reason[0].upper()}{reason[1:]}.")
        self._processes.start(run_id)
        return self._store.get(run_id)

    def fork(self, run_id: str, step: int, changes: Mapping[str, JsonValue], name: str = "") -> Run:
        """A new run that goes on from a checkpoint of another one with some settings changed (dotted keys).

        The checkpoint is verified after it was brought over. Raises CannotFork, ConfigInvalid, PreflightFailed,
        CheckpointMissing, CheckpointDamaged.
        """
        parent = self._store.get(run_id)
        name = name or f"{parent.name}, from step {step}"
        order = self._order(parent)
        try:
            config, misfits = forked(order, {**changes, "name": name[:MOST_NAME]}, step)
        except ValidationError as error:
            raise ConfigInvalid(problems=problems_of(error)) from error
        except ValueError as error:
            raise ConfigInvalid(problems=str(error)) from error
        if misfits:
            raise CannotFork(run_id=run_id, step=step, why="; ".join(misfits))
        return self._training.start(
            config,
            parent.run_dir,
            origin=Origin(run_id, FORK, step),
            furnish=lambda run_dir: self._files.take_checkpoint(parent.run_dir, step, run_dir),
        )

    def steps(self, run_id: str) -> tuple[int, ...]:
        """The checkpoints that a run can be forked from, newest first."""
        return self._files.steps(self._store.get(run_id).run_dir)

    def _extendable(self, run: Run, more_steps: int) -> int:
        """The step that a run has come to. Raises CannotExtend."""
        if run.state is not RunState.FINISHED or run.wish is Wish.RUN:
            state = "about to go on" if run.wish is Wish.RUN and run.is_over else run.state.value
            raise CannotExtend(run_id=run.id, why=f"It is {state}; only a finished run can be extended.")
        if more_steps < 1:
            raise CannotExtend(run_id=run.id, why="At least one step is needed.")
        if self._order(run).method.name == FIXED_LENGTH:
            raise CannotExtend(run_id=run.id, why=f"{FIXED_LENGTH} lays its ranks out over all steps of a run.")
        whole = self._files.newest_whole(run.run_dir)
        if whole is None:
            raise CannotExtend(run_id=run.id, why="It has no whole checkpoint to go on from.")
        return max(whole, (run.latest_attempt.last_step or 0) if run.latest_attempt else 0)

    def _order(self, run: Run) -> RunConfig:
        """What its last attempt was told: run.yaml with what supervision and extensions changed."""
        order = self._configs.read(RunDirectory(run.run_dir).config)
        try:
            return adjusted(order, self._files.adjustments(run.run_dir))
        except ValueError as error:
            raise ConfigInvalid(problems=str(error)) from error
