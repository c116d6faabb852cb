"""What a run is told about training is what happens."""

from typing import Any

import pytest

from tests.training.runs import MakeRun, attempt_here, checkpoints, curves, weights

pytestmark = pytest.mark.training

PLAIN = {"name": "lora", "dropout": 0.0}


def run_with(make_run: MakeRun, name: str, **training: Any) -> dict[str, list[tuple[int, float]]]:
    run = make_run(name, method=PLAIN, training={"max_steps": 4} | training)
    attempt_here(run)
    return curves(run)


def test_micro_batches_add_up_to_one_large_batch(make_run: MakeRun) -> None:
    """Rows of different lengths: the loss is a mean over all tokens of a step, not over micro-batches."""
    whole = run_with(make_run, "whole", batch_size=6)
    parts = run_with(make_run, "parts", batch_size=2, gradient_accumulation=3)

    for tag in ("train/loss", "train/grad_norm", "eval/loss"):
        assert [step for step, _ in parts[tag]] == [step for step, _ in whole[tag]]
        assert [v for _, v in parts[tag]] == pytest.approx([v for _, v in whole[tag]], rel=1e-4)


def test_the_learning_rate_rises_and_falls_as_told(make_run: MakeRun) -> None:
    found = run_with(make_run, "linear", max_steps=10, scheduler="linear", warmup_ratio=0.2, learning_rate=1e-3)

    expected = [0, 0.5e-3, *(1e-3 * (10 - step) / 8 for step in range(2, 10))]
    assert [value for _, value in found["train/learning_rate"]] == pytest.approx(expected, rel=1e-5)


def test_gradients_are_clipped_and_the_curve_shows_the_norm_before(make_run: MakeRun) -> None:
    options = {"optimizer": "sgd", "learning_rate": 1.0, "scheduler": "constant", "warmup_ratio": 0}
    free = run_with(make_run, "free", max_grad_norm=0, **options)
    clipped = run_with(make_run, "clipped", max_grad_norm=1e-9, **options)

    assert free["train/grad_norm"][0] == clipped["train/grad_norm"][0]
    assert free["train/grad_norm"][0][1] > 0.01
    assert clipped["eval/loss"][-1][1] == pytest.approx(clipped["eval/loss"][0][1], abs=1e-5)
    assert free["eval/loss"][-1][1] < free["eval/loss"][0][1] - 0.01


def test_the_seed_decides(make_run: MakeRun) -> None:
    runs = [make_run(f"run{i}", training={"max_steps": 3, "seed": seed}) for i, seed in enumerate((1, 1, 2))]
    for run in runs:
        attempt_here(run)

    first, same, other = (weights(run) for run in runs)
    assert first == same
    assert first != other


def test_epochs_become_steps_and_points_come_as_told(make_run: MakeRun) -> None:
    """38 of 42 rows are learned: steps of 12 rows, 4 steps per epoch, 6 steps in 1.5 epochs."""
    found = run_with(
        make_run, "epochs", max_steps=None, epochs=1.5, gradient_accumulation=3, logging_steps=4, eval_steps=5
    )

    assert [step for step, _ in found["train/loss"]] == [4, 6]
    assert [step for step, _ in found["eval/loss"]] == [0, 5, 6]
    assert [value for _, value in found["train/epoch"]] == pytest.approx([1.0, 1.5])


def test_as_many_checkpoints_are_kept_as_told(make_run: MakeRun) -> None:
    run = make_run(training={"max_steps": 11, "save_steps": 2, "keep_checkpoints": 3})

    attempt_here(run)

    assert checkpoints(run) == {"checkpoint-8", "checkpoint-10", "checkpoint-11"}


def test_bfloat16_is_really_computed_in(make_run: MakeRun) -> None:
    import torch

    model = attempt_here(make_run(training={"max_steps": 1, "precision": "bfloat16"}))

    assert model.get_input_embeddings().weight.dtype is torch.bfloat16
    adapter = [p for name, p in model.named_parameters() if "lora_A" in name]
    assert {p.dtype for p in adapter} == {torch.float32}


def test_without_validation_rows_nothing_is_evaluated(make_run: MakeRun) -> None:
    dataset = {"path": str(make_run.room.dataset), "validation_fraction": 0}
    run = make_run(dataset=dataset, training={"max_steps": 2})

    attempt_here(run)

    assert "eval/loss" not in curves(run)
    assert "not measured" in (run.adapter / "README.md").read_text(encoding="utf-8")


def test_the_evaluation_loss_is_the_mean_over_learned_tokens(make_run: MakeRun) -> None:
    """Measured again by hand, row by row, on the untouched base model."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from backend.data.choice import DatasetChoice
    from backend.data.loading import load
    from backend.trainer.tokens import Encoder

    found = run_with(make_run, "run", batch_size=3)
    folder = make_run.room.models["llama"]
    choice = DatasetChoice(path=str(make_run.room.dataset))
    encoder = Encoder(AutoTokenizer.from_pretrained(folder), max_length=1024, answers_only=True)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    losses = []
    for example in load(choice, make_run.room.dataset.parent, 42).validation:
        row = encoder.row(example, "row")
        with torch.no_grad():
            scores = model(torch.tensor([row["input_ids"]])).logits[0].log_softmax(-1)
        losses += [-float(scores[i - 1, label]) for i, label in enumerate(row["labels"]) if i and label != -100]

    assert found["eval/loss"][0] == (0, pytest.approx(sum(losses) / len(losses), rel=1e-4))
