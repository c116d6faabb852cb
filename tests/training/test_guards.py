"""Guards in real training: what they warn of, end, roll back, and which step's weights are kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.domain.adjustments import read_adjustments
from backend.domain.decisions import Ending
from backend.domain.diagnosis import Diagnosis
from backend.domain.exit_record import Proposal
from backend.domain.remarks import Remark
from backend.domain.run_directory import RunDirectory
from backend.store.orders import Orders
from backend.trainer.errors import GuardTripped, LossNotFinite
from tests.training.runs import Crash, MakeRun, attempt_here, checkpoints, curves, weights

pytestmark = pytest.mark.training
WILD = {"learning_rate": 0.5, "scheduler": "constant", "warmup_ratio": 0, "max_grad_norm": 0, "max_steps": 40}


def remarks(run: RunDirectory) -> list[Remark]:
    file = run.remarks(1)
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [remark for line in lines if (remark := Remark.from_json(line))]


def texts(run: RunDirectory, tag: str) -> list[tuple[int, str]]:
    """As TensorBoard's own reader has them."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(run.tensorboard), size_guidance={"tensors": 0})
    reader.Reload()
    if tag not in reader.Tags()["tensors"]:
        return []
    assert reader.SummaryMetadata(tag).plugin_data.plugin_name == "text"
    return [(event.step, event.tensor_proto.string_val[0].decode()) for event in reader.Tensors(tag)]


def card(run: RunDirectory) -> str:
    return (run.adapter / "README.md").read_text(encoding="utf-8")


def roll_back(run: RunDirectory, error: LossNotFinite | GuardTripped) -> bool:
    """What the supervisor does with the trainer's proposal; whether it grants it."""
    proposal = error.data.get("proposal")
    assert isinstance(proposal, Proposal)
    found = Diagnosis(error.id, "it broke", "", is_worth_retrying=False)
    number = len(read_adjustments(run.adjustments)) + 1
    change = Orders(run.root).change_after(Ending(70, found, proposal=proposal), number)
    if change is not None:
        Orders(run.root).carry_out(change)
    return change is not None


@pytest.fixture
def break_loss(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, float], None]:
    """The loss of a step is NaN for as long as the peak learning rate is above a limit."""
    from transformers import Trainer

    plain: Any = Trainer.training_step

    def broken(step: int, limit: float) -> None:
        def training_step(self: Any, *inputs: Any, **named: Any) -> Any:
            loss = plain(self, *inputs, **named)
            is_hit = self.state.global_step + 1 == step and self.args.learning_rate > limit
            return loss * float("nan") if is_hit else loss

        monkeypatch.setattr(Trainer, "training_step", training_step)

    return broken


@pytest.fixture
def _inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """From step 12 on losses are ten times as high."""
    from transformers import Trainer

    plain: Any = Trainer.training_step

    def training_step(self: Any, *inputs: Any, **named: Any) -> Any:
        return plain(self, *inputs, **named) * (10 if self.state.global_step >= 11 else 1)

    monkeypatch.setattr(Trainer, "training_step", training_step)


def test_a_broken_loss_goes_back_to_the_last_checkpoint_with_half_the_rate(
    make_run: MakeRun, break_loss: Callable[[int, float], None]
) -> None:
    calm, hit = make_run("calm"), make_run("hit")
    attempt_here(calm)
    break_loss(9, 4e-3)

    with pytest.raises(LossNotFinite) as caught:
        attempt_here(hit)

    (remark,) = remarks(hit)
    assert (remark.step, remark.guard, len(remark.rows)) == (9, "not-finite", 4)
    assert caught.value.data["proposal"] == Proposal(8, {"training.learning_rate": 2.5e-3})
    assert "It was made of training rows " in caught.value.explain().why
    assert texts(hit, "guards/not-finite")[0][0] == 9
    assert roll_back(hit, caught.value)
    attempt_here(hit)
    rates, before = dict(curves(hit)["train/learning_rate"]), dict(curves(calm)["train/learning_rate"])
    assert all(rates[step] == before[step] for step in range(1, 6))
    assert all(rates[step] == pytest.approx(before[step] / 2) for step in range(6, 12))
    assert [step for step, _ in curves(hit)["train/loss"]] == list(range(1, 13))


def test_a_loss_that_breaks_again_after_the_roll_back_is_the_end(
    make_run: MakeRun, break_loss: Callable[[int, float], None]
) -> None:
    run = make_run()
    break_loss(9, 0)
    for is_granted in (True, False):
        with pytest.raises(LossNotFinite) as caught:
            attempt_here(run)
        assert roll_back(run, caught.value) is is_granted


def test_a_broken_loss_may_end_the_run_with_the_best_checkpoint(
    make_run: MakeRun, break_loss: Callable[[int, float], None]
) -> None:
    run = make_run(guards={"not_finite": "stop"})
    break_loss(9, 0)
    attempt_here(run)
    assert "| Adapter of step | 5 (the best eval/loss" in card(run)
    assert "the run ends here" in remarks(run)[0].text


def test_a_broken_loss_without_any_checkpoint_is_an_error(
    make_run: MakeRun, break_loss: Callable[[int, float], None]
) -> None:
    run = make_run(guards={"not_finite": "stop"})
    break_loss(2, 0)
    with pytest.raises(LossNotFinite):
        attempt_here(run)
    assert not run.adapter.exists()


def test_a_broken_loss_may_simply_fail(make_run: MakeRun, break_loss: Callable[[int, float], None]) -> None:
    run = make_run(guards={"not_finite": "fail"})
    break_loss(1, 0)
    with pytest.raises(LossNotFinite) as caught:
        attempt_here(run)
    assert "proposal" not in caught.value.data


INFLATED = {"max_steps": 18, "save_steps": 3, "keep_checkpoints": 9}


@pytest.mark.usefixtures("_inflated")
def test_a_divergence_is_warned_of_with_its_rows_and_training_goes_on(make_run: MakeRun) -> None:
    run = make_run(training=INFLATED, guards={"divergence_steps": 3})
    attempt_here(run)
    (remark,) = [remark for remark in remarks(run) if remark.guard == "divergence"]
    assert "the smoothed loss is" in remark.text
    assert (remark.step, len(remark.rows)) == (15, 4)
    assert curves(run)["train/loss"][-1][0] == 18
    assert texts(run, "guards/divergence") == [(15, remark.sentence())]


@pytest.mark.usefixtures("_inflated")
def test_a_divergence_may_end_the_run_early_with_the_best_checkpoint(make_run: MakeRun) -> None:
    run = make_run(training=INFLATED, guards={"divergence": "stop", "divergence_steps": 3})
    attempt_here(run)
    assert curves(run)["train/loss"][-1][0] == 15
    assert "checkpoint-15" in checkpoints(run)
    evaluations = dict(curves(run)["eval/loss"])
    best = min((step for step in evaluations if step), key=lambda step: evaluations[step])
    assert f"| Adapter of step | {best} (the best eval/loss" in card(run)
    kept = (run.checkpoints / f"checkpoint-{best}" / "adapter_model.safetensors").read_bytes()
    assert weights(run) == kept


@pytest.mark.usefixtures("_inflated")
def test_a_divergence_may_be_rolled_back(make_run: MakeRun) -> None:
    run = make_run(training=INFLATED, guards={"divergence": "roll-back", "divergence_steps": 3})
    with pytest.raises(GuardTripped) as caught:
        attempt_here(run)
    assert caught.value.data["good_step"] == 11
    assert roll_back(run, caught.value)
    assert {name for name in checkpoints(run) if "rolled" not in name} == {f"checkpoint-{n}" for n in (3, 6, 9)}
    assert "checkpoint-12.rolled-back" in checkpoints(run)


def test_a_rate_that_changes_nothing_is_found(make_run: MakeRun) -> None:
    training = {"learning_rate": 1e-12, "scheduler": "constant", "warmup_ratio": 0, "max_steps": 20}
    run = make_run(training=training, guards={"dead_rate": "stop", "dead_rate_steps": 10})
    attempt_here(run)
    (remark,) = [remark for remark in remarks(run) if remark.guard == "dead-rate"]
    assert (remark.step, curves(run)["train/loss"][-1][0]) == (10, 10)


def test_early_stopping_ends_a_run_and_a_later_attempt_trains_no_step_more(make_run: MakeRun) -> None:
    training = WILD | {"eval_steps": 2}
    run = make_run(training=training, guards={"early_stopping_evaluations": 3, "min_delta": 5})
    attempt_here(run)
    end = curves(run)["train/loss"][-1][0]
    assert end < 40
    assert any(remark.guard == "early-stopping" for remark in remarks(run))
    before, story = weights(run), card(run)
    for file in run.adapter.iterdir():
        file.unlink()
    run.adapter.rmdir()

    attempt_here(run)

    assert curves(run)["train/loss"][-1][0] == end
    assert (weights(run), card(run)) == (before, story)


def test_the_best_checkpoint_outlives_the_rotation_and_a_crash_changes_nothing(make_run: MakeRun) -> None:
    training = {**WILD, "max_steps": 14, "save_steps": 2, "learning_rate": 0.2}
    calm, hit = make_run("calm", training=training), make_run("hit", training=training)
    attempt_here(calm)
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=9)
    attempt_here(hit)
    evaluations = dict(curves(calm)["eval/loss"])
    best = min((step for step in evaluations if step), key=lambda step: evaluations[step])
    assert f"checkpoint-{best}" in checkpoints(calm)
    assert f"| Adapter of step | {best} " in card(calm)
    assert f"{evaluations[best]:.4f} nats" in card(calm).partition("Evaluation loss after")[2]
    assert (weights(hit), card(hit), curves(hit)) == (weights(calm), card(calm), curves(calm))


def test_the_last_step_is_kept_if_that_is_wished(make_run: MakeRun) -> None:
    run = make_run(training=WILD | {"max_steps": 10}, guards={"keep_best": False})
    attempt_here(run)
    assert "| Adapter of step | 10 (the last one) |" in card(run)
    assert checkpoints(run) == {"checkpoint-5", "checkpoint-10"}


def test_without_validation_rows_the_last_step_is_kept(make_run: MakeRun, room: Any, tmp_path: Path) -> None:
    run = make_run(dataset={"path": str(room.dataset), "validation_fraction": 0})
    attempt_here(run)
    assert "| Adapter of step | 12 (the last one) |" in card(run)
