"""How training ends: at its last step, early, or broken off; and which step's weights become the adapter."""

from dataclasses import dataclass, replace
from pathlib import Path

from transformers import TrainerState

from backend.domain.run_config import RunConfig
from backend.store.checkpoints import Checkpoint, damage, sealed
from backend.trainer.errors import LossNotFinite
from backend.trainer.guarding import heed_broken_loss
from backend.trainer.lookouts import Lookouts
from backend.trainer.loop import StudioLoop
from backend.trainer.offenders import rows_of_step
from backend.trainer.say import say


@dataclass(frozen=True, slots=True)
class Chosen:
    """The step whose weights become the adapter; `eval_loss` in nats per token, None if it was not measured."""

    step: int
    eval_loss: float | None
    reason: str


def train_to_end(
    trainer: StudioLoop, looking: Lookouts, config: RunConfig, folder: Path | None, state: TrainerState
) -> Chosen:
    """Train, and leave the model with the weights that are to be kept.

    Raises StopRequested; LossNotFinite or GuardTripped, perhaps with a proposal to roll back.
    """
    looking.bind(lambda step: rows_of_step(trainer, step))
    checkpoints = Path(trainer.args.output_dir or "")
    is_broken = False
    try:
        trainer.go_on(folder, state)
    except LossNotFinite as error:
        heed_broken_loss(error, config, lambda step: rows_of_step(trainer, step), looking.notes)
        if not sealed(checkpoints):
            raise
        trainer.progress = replace(trainer.progress, step=trainer.state.global_step)
        is_broken = True
    return _keep(trainer, looking, config, checkpoints, is_broken=is_broken)


def _keep(trainer: StudioLoop, looking: Lookouts, config: RunConfig, checkpoints: Path, *, is_broken: bool) -> Chosen:
    """The best checkpoint if that is wished and there is one, else the last step."""
    last = trainer.progress.step
    best = looking.stopping.best
    whole = {checkpoint.step: checkpoint for checkpoint in sealed(checkpoints) if _is_whole(checkpoint)}
    is_shared_out = trainer.is_fsdp_enabled  # then no process has the whole weights to replace
    if config.guards.keep_best and best.step in whole and (best.step == last or not is_shared_out):
        if best.step != last or is_broken:
            trainer.adapted.read(whole[best.step].path)
            say(f"the adapter is that of step {best.step}, with the best {config.guards.metric}")
        return Chosen(best.step, looking.stopping.best_loss, f"the best {config.guards.metric}, {best.value:.4f}")
    if not is_broken:
        return Chosen(last, trainer.progress.last_eval_loss, "the last one")
    newest = max(whole, default=0)
    if newest not in whole:
        raise LossNotFinite(quantity="loss", value="not finite", step=last + 1, rows="")
    trainer.adapted.read(whole[newest].path)
    return Chosen(newest, None, "the last good one; the loss broke after it")


def _is_whole(checkpoint: Checkpoint) -> bool:
    why = damage(checkpoint)
    if why:
        say(f"checkpoint of step {checkpoint.step} is not used: {why}")
    return why is None
