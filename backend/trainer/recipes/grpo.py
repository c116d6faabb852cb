"""Group relative policy optimization, by trl's trainer."""

from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedTokenizerBase
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import RepeatSampler, add_fused_lm_head

from backend.data.examples import Example, Prompt
from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.recipes import Grpo
from backend.trainer.errors import AnswersMissing, PromptsTooFew
from backend.trainer.kept_rows import kept_table
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.preferences import encoded, prompt_of
from backend.trainer.rewards import reward_functions
from backend.trainer.tensor_tree import Tensors, on_host
from backend.trainer.tokens import Encoder
from backend.trainer.trl_loop import TrlLoop, frozen_copy


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """Prompts as turns, each with the answer that rewards compare with.

    Raises RowsTooLong where prompt and longest answer exceed max_length, AnswersMissing, PromptsTooFew.
    """
    recipe, training = work.config.recipe, work.config.training
    assert isinstance(recipe, Grpo)
    room = training.max_length - recipe.max_completion_length

    encoder = Encoder(tokenizer, max_length=room, answers_only=True)

    def row(prompt: Prompt, name: str) -> dict[str, Any] | None:
        turns = [{"role": turn.role, "content": turn.content} for turn in prompt.turns]
        is_short = len(encoder.question(prompt.turns, name)) <= room
        return {"prompt": turns, "answer": prompt.answer} if is_short else None

    def report(share: float) -> None:
        work.report(Phase.PREPARING, share, "measuring prompts")

    def part(examples: Sequence[Example], name: str) -> list[dict[str, Any]]:
        def make() -> list[dict[str, Any]]:
            prompts = [prompt_of(example) for example in examples]
            return encoded(prompts, name, row, training.max_length, report)

        return kept_table(examples, tokenizer, ("prompts", room), make)

    found = Rows(part(dataset.train, "training"), part(dataset.validation, "validation"))
    _check(recipe, found, training.effective_batch_size)
    return found


def _check(recipe: Grpo, found: Rows, per_step: int) -> None:
    needed, has = per_step // recipe.num_generations, len(found.train)
    if has < needed:
        raise PromptsTooFew(has=has, needed=needed)
    missing = sum(row["answer"] is None for row in (*found.train, *found.validation))
    if missing and any(spec.needs_answer for spec in recipe.rewards.chosen()):
        raise AnswersMissing(count=missing, total=has + len(found.validation))


def loop(parts: Parts) -> "GrpoLoop":
    """The loop over prompts."""
    recipe = parts.config.recipe
    assert isinstance(recipe, Grpo)
    return GrpoLoop(parts, recipe)


class PromptSampler(RepeatSampler):
    """trl's order of prompts as a function of the epoch, so that a resume in a later epoch finds it again."""

    def set_epoch(self, epoch: int) -> None:
        """Called before each pass."""
        self.generator.manual_seed(int(self.seed or 0) + epoch)


class GrpoLoop(TrlLoop, GRPOTrainer):
    """Answers are written once per `num_iterations` optimizer steps; what is still to be learned is in checkpoints."""

    _buffered_inputs: Any
    ref_model: Any
    train_dataset: Any

    def __init__(self, parts: Parts, recipe: Grpo) -> None:
        copies_adapter = recipe.beta > 0 and parts.adapted.has_moved_base
        arguments = GRPOConfig(
            **parts.arguments,
            beta=recipe.beta if copies_adapter else 0.0,
            num_generations=recipe.num_generations,
            max_completion_length=recipe.max_completion_length,
            temperature=recipe.temperature,
            top_p=recipe.top_p,
            loss_type=recipe.loss_type,
            scale_rewards=recipe.scale_rewards,
            epsilon=recipe.epsilon,
            num_iterations=recipe.num_iterations,
            reward_weights=[spec.weight for spec in recipe.rewards.chosen()],
            disable_dropout=True,
        )
        self._answers_per_prompt = recipe.num_generations
        self._rows_written = arguments.generation_batch_size or 0
        self._batches_written = parts.config.training.gradient_accumulation
        self._uses_of_batch = recipe.num_iterations
        functions = reward_functions(recipe.rewards, parts.desk.attempt.run.root)
        super().__init__(parts, args=arguments, reward_funcs=functions)
        if recipe.beta > 0 and not copies_adapter:
            self._compare_with_base(recipe.beta)

    def _compare_with_base(self, beta: float) -> None:
        """The reference is the model with its adapter off, or a copy of the whole model if it has none."""
        self.beta = beta
        model: Any = self.adapted.model
        if not isinstance(model, PeftModel):
            self.ref_model = frozen_copy(model)
            add_fused_lm_head(self.ref_model, temperature=self.temperature)

    def _get_train_sampler(self, dataset: Any = None) -> PromptSampler:  # noqa: ANN401 - trl's signature
        return PromptSampler(
            dataset or self.train_dataset,
            mini_repeat_count=self._answers_per_prompt,
            batch_size=self._rows_written // self._answers_per_prompt,
            repeat_count=self._uses_of_batch * self._batches_written,
            seed=self.args.seed,
        )

    # One step

    def learned_from(self, inputs: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - rows, not tensors
        """The written answers of the micro-batch."""
        batch: dict[str, Any] = self._buffered_inputs[(self._step - 1) % self._batches_written]
        return batch

    def num_tokens(self, inputs: dict[str, Any]) -> torch.Tensor:
        """Tokens of prompts and answers."""
        tokens: torch.Tensor = inputs["prompt_mask"].sum() + inputs["completion_mask"].sum()
        return tokens

    # Evaluation

    def validation_scalars(self) -> dict[str, float] | None:
        """eval/reward, and as eval/loss what is minimised: minus the mean reward."""
        found = super().validation_scalars()
        return found and found | {"eval/loss": -found["eval/reward"]}

    def evaluation_batches(self) -> list[tuple[int, list[Any]]]:
        """Held-out prompts in portions, each prompt as often as it is answered."""
        held_out, times = list(self._validation), self._answers_per_prompt
        size = max(1, self.args.per_device_eval_batch_size // times)
        return [
            (start, [row for row in held_out[start : start + size] for _ in range(times)])
            for start in range(0, len(held_out), size)
        ]

    # Checkpoints

    def copied_more(self) -> Tensors:
        """The answers that later steps learn from again."""
        if self._step % (self._batches_written * self._uses_of_batch) == 0:
            return {}
        return {
            f"{index}.{name}": on_host(value)
            for index, batch in enumerate(self._buffered_inputs)
            for name, value in batch.items()
        }

    def take_over(self, more: Tensors) -> None:
        """Count micro-batches on, and take those answers over."""
        self._step = self.progress.step * self.args.gradient_accumulation_steps
        if not more:
            return
        batches: list[dict[str, torch.Tensor]] = [{} for _ in range(self._batches_written)]
        for key, value in more.items():
            index, _, name = key.partition(".")
            batches[int(index)][name] = value.to(self.args.device)
        self._buffered_inputs = batches
