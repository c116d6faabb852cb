"""The training loop of recipes that learn from token rows, over micro-batches that are dealt out anew."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from transformers import TrainingArguments

from backend.trainer.collation import IGNORED
from backend.trainer.engine.batches import StepCollator
from backend.trainer.engine.choosing import choose
from backend.trainer.engine.order import StepOrder, row_lengths
from backend.trainer.engine.settle import Chosen
from backend.trainer.loop import StudioLoop, finite
from backend.trainer.parts import Parts


class EngineLoop(StudioLoop):
    """Trains on token rows. The rows of a step are those of a plain Hugging Face Trainer with the same seed.

    To Hugging Face's loop a step is one batch: what it holds is dealt out to micro-batches here. Losses are
    sums over tokens, divided by the number of learned tokens of the step, so that dealing changes none.
    """

    def __init__(self, parts: Parts) -> None:
        training = parts.config.training
        self._validation = parts.rows.validation
        self._lengths = row_lengths(parts.rows.train)
        whole = {"per_device_train_batch_size": training.effective_batch_size, "gradient_accumulation_steps": 1}
        workers = parts.config.speed.dataloader_workers
        super().__init__(
            parts,
            args=TrainingArguments(**parts.arguments | whole | {"dataloader_num_workers": workers}),
            train_dataset=parts.rows.train,
        )
        self.loss_is_scaled_for_ga = True
        self.chosen: Chosen = choose(parts, self._lengths)
        self._collator = StepCollator(
            int(parts.tokenizer.pad_token_id or 0),  # any id: padding is neither seen nor learned
            budget=self.chosen.budget,
            is_flat=self.chosen.is_flat,
            is_learned=self.chosen.is_learned,
            rows_at_once=self.chosen.rows_at_once,
        )
        self._order = StepOrder(
            self._lengths, rows_per_step=training.effective_batch_size, seed=training.seed, order=self.chosen.order
        )

    # Rows

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Steps in our own order. Its generator is its own, so that starting it draws nothing from torch's."""
        workers = self.args.dataloader_num_workers
        loader: DataLoader[Any] = DataLoader(
            self.train_dataset,  # type: ignore[arg-type] # a sequence of rows
            batch_sampler=self._order,
            collate_fn=self._collator,
            num_workers=workers,
            pin_memory=self.args.dataloader_pin_memory,
            generator=torch.Generator(),
        )
        prepared: DataLoader[Any] = self.accelerator.prepare(loader)
        return prepared

    def _run_epoch(self, **options: Any) -> Any:  # type: ignore[override] # noqa: ANN401 - called by keywords only
        self._order.set_epoch(options["epoch"])
        return super()._run_epoch(**options)  # type: ignore[no-untyped-call]

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor:
        """Learned tokens of the step, over all processes."""
        own = sum(micro["num_learned"] for step in batch_samples for micro in step["micro_batches"])
        return self.accelerator.gather(torch.tensor([own], device=device)).sum()  # type: ignore[no-any-return]

    # One step

    def training_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """All micro-batches of an optimizer step; its loss."""
        micro_batches: Sequence[dict[str, Any]] = inputs["micro_batches"]
        losses = []
        for number, micro_batch in enumerate(micro_batches, start=1):
            is_last = number == len(micro_batches)
            with contextlib.nullcontext() if is_last else self.accelerator.no_sync(model):
                losses.append(super().training_step(model, micro_batch, num_items_in_batch))
            if not is_last:
                self.control = self.callback_handler.on_substep_end(self.args, self.state, self.control)
        return torch.stack(losses).sum()

    def num_tokens(self, inputs: dict[str, Any]) -> torch.Tensor:
        """Tokens of the rows of a micro-batch."""
        return torch.tensor(inputs["num_tokens"])

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002 - Hugging Face's signature
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """The micro-batch's share of the step's mean negative log-likelihood per learned token."""
        given = for_model(inputs)
        assert num_items_in_batch is not None, "counted by _get_num_items_in_batch"
        if self.chosen.is_learned:
            loss: torch.Tensor = model(**given, num_items_in_batch=num_items_in_batch).loss
        else:
            # a mean, to which a method may add a loss of its own (AdaLoRA): the shares add up to one of it
            count: int = inputs["num_learned"]
            own = {"num_items_in_batch": max(1, count)} if self.model_accepts_loss_kwargs else {}
            loss = model(**given, **own).loss * (count / num_items_in_batch)
        # the mean over processes that follows would divide by their number once more
        return loss * self.accelerator.num_processes if self.args.world_size > 1 else loss

    # Evaluation

    @torch.no_grad()
    def validation_scalars(self) -> dict[str, float] | None:
        """eval/loss: the mean negative log-likelihood of the learned validation tokens, in nats.

        It does not depend on how rows are batched, up to rounding, and draws no random numbers.
        """
        total, tokens, seen = 0.0, 0, 0
        model = self.adapted.model
        model.eval()
        for rows in self._validation_portions():
            if not self.may_go_on_evaluating(seen / len(self._validation)):
                return None
            seen += len(rows)
            for micro_batch in self._collator(rows)["micro_batches"]:
                batch = self._prepare_inputs(micro_batch)
                tokens += micro_batch["num_learned"]
                with self.accelerator.autocast():
                    total += self._summed_loss(model, batch).item()
        return {"eval/loss": finite("validation loss", total / tokens, self.state.global_step)}

    def _summed_loss(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        """Without what a method adds to its loss while it trains."""
        given = for_model(batch)
        if self.chosen.is_learned:
            loss: torch.Tensor = model(**given).loss
            return loss
        labels = given.pop("labels")[:, 1:]
        logits = model(**given).logits[:, -labels.shape[1] - 1 : -1]  # virtual tokens come first
        return cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORED, reduction="sum")

    def _validation_portions(self) -> Iterator[list[Any]]:
        """So many rows at a time as a step trains on."""
        size = max(self.args.per_device_eval_batch_size, self.args.per_device_train_batch_size)
        for start in range(0, len(self._validation), size):
            yield [self._validation[index] for index in range(start, min(start + size, len(self._validation)))]


def for_model(micro_batch: dict[str, Any]) -> dict[str, Any]:
    """What the model is called with."""
    return {name: value for name, value in micro_batch.items() if name not in {"num_tokens", "num_learned"}}
