"""What happens at the end of a step: when to log, evaluate, save and stop, and what readers get to see."""

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from backend.domain.heartbeat import Phase
from backend.domain.run_config import Training
from backend.trainer import ranks
from backend.trainer.adapted import Adapted
from backend.trainer.heartbeat import HeartbeatWriter
from backend.trainer.meter import Meter
from backend.trainer.stop import StopFlag


class Rhythm(TrainerCallback):
    """Decides at the end of each optimizer step; nothing else sets these flags."""

    def __init__(self, training: Training, stop: StopFlag, *, has_validation: bool) -> None:
        self._training = training
        self._stop = stop
        self._has_validation = has_validation

    def is_evaluation_due(self, step: int, last: int) -> bool:
        """Before the first step, at the chosen steps or else with each checkpoint, and at the end."""
        every = self._training.eval_steps or self._training.save_steps
        return self._has_validation and (step % every == 0 or step == last)

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the signature is Hugging Face's
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> TrainerControl:
        """A request to stop means: save now, evaluate after the resume."""
        step, last = state.global_step, state.max_steps
        is_stopping = ranks.agreed(first_says=self._stop.is_requested) and step < last
        control.should_log = step % self._training.logging_steps == 0 or step == last
        control.should_evaluate = not is_stopping and self.is_evaluation_due(step, last)
        control.should_save = is_stopping or step % self._training.save_steps == 0 or step == last
        control.should_training_stop = is_stopping or step >= last
        return control


class Vitals(TrainerCallback):
    """Keeps heartbeat and clock going while training; evaluating and saving beat on their own."""

    def __init__(self, heartbeat: HeartbeatWriter, meter: Meter) -> None:
        self._heartbeat = heartbeat
        self._meter = meter

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002 - the signature is Hugging Face's
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """The first sign of training says how many steps there are."""
        self._beat(state)

    def on_substep_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """A step of many micro-batches is no hang."""
        self._beat(state)

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,  # noqa: ARG002
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """The gradients are there."""
        self._meter.learned()

    def on_step_end(
        self,
        args: TrainingArguments,  # noqa: ARG002
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """One more step is done."""
        self._meter.end_step()
        self._beat(state)

    def _beat(self, state: TrainerState) -> None:
        self._heartbeat.beat(
            Phase.TRAINING,
            step=state.global_step,
            total_steps=state.max_steps,
            seconds_per_step=self._meter.recent_seconds_per_step,
        )


class AdaptedSteps(TrainerCallback):
    """Tells methods that change while they train (AdaLoRA) how long the run is and when a step was taken."""

    def __init__(self, adapted: Adapted) -> None:
        self._adapted = adapted

    def on_train_begin(
        self,
        args: TrainingArguments,  # noqa: ARG002 - Hugging Face's signature
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """The length is known."""
        self._adapted.begin(state.max_steps)

    def on_optimizer_step(
        self,
        args: TrainingArguments,  # noqa: ARG002 - Hugging Face's signature
        state: TrainerState,
        control: TrainerControl,  # noqa: ARG002
        **_: object,
    ) -> None:
        """A step was taken and counted nowhere yet; its gradients are still there."""
        self._adapted.after_step(state.global_step + 1)
