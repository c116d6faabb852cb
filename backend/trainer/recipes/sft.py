"""Supervised fine-tuning: next-token loss on the learned tokens."""

import torch
from transformers import PreTrainedTokenizerBase, TrainingArguments

from backend.data.loading import LoadedDataset
from backend.domain.heartbeat import Phase
from backend.recipes import Sft
from backend.trainer.collation import IGNORED, Collator
from backend.trainer.loop import StudioLoop, finite
from backend.trainer.parts import Parts, Rows, Work
from backend.trainer.tokens import Encoder


def rows(work: Work, dataset: LoadedDataset, tokenizer: PreTrainedTokenizerBase) -> Rows:
    """All rows as token ids."""
    recipe = work.config.recipe
    assert isinstance(recipe, Sft)
    encoder = Encoder(
        tokenizer,
        max_length=work.config.training.max_length,
        answers_only=recipe.answers_only,
    )

    def report(share: float) -> None:
        work.report(Phase.PREPARING, share, "cutting text into tokens")

    train_rows = encoder.encode(dataset.train, "training", report)
    return Rows(train_rows, encoder.encode(dataset.validation, "validation", report))


def loop(parts: Parts) -> "SftLoop":
    """The loop over padded batches."""
    return SftLoop(parts)


class SftLoop(StudioLoop):
    """Trains on token rows; eval/loss does not depend on how rows are batched, and draws no random numbers."""

    def __init__(self, parts: Parts) -> None:
        self._validation = parts.rows.validation
        self._collator = Collator(int(parts.tokenizer.pad_token_id or 0))  # any id: padding is neither seen nor learned
        super().__init__(
            parts,
            args=TrainingArguments(**parts.arguments),
            data_collator=self._collator,
            train_dataset=parts.rows.train,
        )

    @torch.no_grad()
    def validation_scalars(self) -> dict[str, float] | None:
        """eval/loss: the mean negative log-likelihood of the learned validation tokens, in nats."""
        size, held_out = self.args.per_device_eval_batch_size, self._validation
        total, tokens = 0.0, 0
        model = self.adapted.model
        model.eval()
        for start in range(0, len(held_out), size):
            if not self.may_go_on_evaluating(start / len(held_out)):
                return None
            chosen = range(start, min(start + size, len(held_out)))
            batch = self._prepare_inputs(self._collator([held_out[index] for index in chosen]))
            count = int((batch["labels"][:, 1:] != IGNORED).sum())
            with self.accelerator.autocast():
                total += model(**batch).loss.item() * count
            tokens += count
        return {"eval/loss": finite("validation loss", total / tokens, self.state.global_step)}
