"""Every recipe is really trained, resumes exactly, and its result means the same to plain peft."""

from pathlib import Path
from typing import Any

import pytest

from backend.domain.heartbeat import Phase
from backend.trainer.stop import StopRequested
from tests.training.recipe_runs import GRPO, RECIPES, sections_for
from tests.training.runs import Crash, MakeRun, attempt_here, curves, weights

pytestmark = pytest.mark.training

PRECISE = 2e-4  # float32: another order of the same sums
CASES: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in RECIPES} | {
    "dpo on a moved base": ("dpo", {"method": {"name": "pissa", "rank": 4}}),
    "dpo on four bits": ("dpo", {"method": {"name": "qlora", "rank": 4, "dropout": 0.1}}),
    "grpo with a reference, twice": ("grpo", {"recipe": GRPO | {"num_iterations": 2, "beta": 0.1}}),
}


@pytest.mark.parametrize(("recipe", "changes"), CASES.values(), ids=CASES.keys())
def test_a_crash_changes_no_bit_whatever_the_recipe(
    recipe: str, changes: dict[str, Any], make_run: MakeRun, tmp_path: Path
) -> None:
    """A crash at step 7 falls back to step 5, which lies in the middle of a logging window of four steps."""
    sections = sections_for(recipe, tmp_path) | changes
    sections["training"] |= {"max_steps": 8, "logging_steps": 4, "gradient_accumulation": 2, "eval_steps": 3}
    calm, hit = make_run("calm", **sections), make_run("hit", **sections)

    attempt_here(calm)
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=7)
    attempt_here(hit)

    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)
    assert len(curves(calm)["eval/loss"]) == 4


def test_prompts_come_in_the_same_order_after_a_crash_in_a_later_epoch(make_run: MakeRun, tmp_path: Path) -> None:
    sections = sections_for("grpo", tmp_path)
    sections["training"] |= {"max_steps": 24, "save_steps": 10, "batch_size": 8}
    calm, hit = make_run("calm", **sections), make_run("hit", **sections)

    attempt_here(calm)
    with pytest.raises(Crash):
        attempt_here(hit, crash_at=22)
    attempt_here(hit)

    assert curves(calm)["train/epoch"][-1][1] > 2
    assert weights(hit) == weights(calm)
    assert curves(hit) == curves(calm)


@pytest.mark.parametrize("recipe", ["pretrain", "dpo", "orpo", "kto"])
def test_a_recipe_learns_and_its_result_loads_plainly(recipe: str, make_run: MakeRun, tmp_path: Path) -> None:
    sections = sections_for(recipe, tmp_path)
    sections["training"] |= {"max_steps": 20}
    run = make_run(**sections)

    trained = attempt_here(run)

    losses = [value for _, value in curves(run)["eval/loss"]]
    assert losses[-1] < 0.8 * losses[0]
    reloaded = plainly(run.adapter, base(make_run))
    assert difference(trained, reloaded) < PRECISE
    assert difference(base(make_run), reloaded) > 100 * PRECISE
    if recipe == "dpo":
        assert curves(run)["eval/rewards/accuracies"][-1][1] == 1
        assert curves(run)["train/rewards/margins"][-1][1] > 1


def test_a_reward_model_scores_the_preferred_answer_higher(make_run: MakeRun, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    sections = sections_for("reward", tmp_path)
    sections["training"] |= {"max_steps": 20}
    run = make_run(**sections)

    trained = attempt_here(run)

    assert curves(run)["eval/accuracy"][-1][1] == 1
    fresh = AutoModelForSequenceClassification.from_pretrained(make_run.room.models["llama"], num_labels=1)
    reloaded = plainly(run.adapter, fresh)
    ids = torch.arange(5, 25).reshape(1, 20)
    with torch.no_grad():
        assert float((trained.eval()(ids).logits - reloaded(ids).logits).abs().max()) < PRECISE
    card = (run.adapter / "README.md").read_text()
    assert "AutoModelForSequenceClassification" in card
    assert "nats per pair" in card


def test_grpo_writes_more_of_what_is_rewarded(make_run: MakeRun, tmp_path: Path) -> None:
    rewards = {"regex": {"pattern": "[aeiou]"}, "length": {"limit": 100, "weight": 0.0}}
    recipe = GRPO | {"num_generations": 8, "max_completion_length": 3, "rewards": rewards}
    sections = sections_for("grpo", tmp_path) | {"recipe": recipe}
    sections["training"] |= {"max_steps": 30, "batch_size": 16, "learning_rate": 0.02, "save_steps": 15}
    run = make_run(**sections)

    trained = attempt_here(run)

    found = curves(run)
    assert found["eval/reward"][-1][1] > found["eval/reward"][0][1] + 0.2
    assert found["eval/loss"][-1][1] == -found["eval/reward"][-1][1]
    assert found["train/rewards/regex/mean"]
    assert found["train/rewards/length/mean"][-1][1] == 1
    assert difference(trained, plainly(run.adapter, base(make_run))) < PRECISE


def test_kto_takes_a_pair_as_a_good_and_a_bad_answer(make_run: MakeRun, tmp_path: Path) -> None:
    sections = sections_for("dpo", tmp_path) | {"recipe": "kto"}
    sections["training"] |= {"max_steps": 10}
    run = make_run(**sections)

    attempt_here(run)

    assert curves(run)["train/rewards/margins"][-1][1] > 0.5
    assert "36 rows to learn, 4 to evaluate" in (run.adapter / "README.md").read_text()


def test_a_recipe_refuses_rows_of_another_kind(make_run: MakeRun) -> None:
    from backend.data.errors import DatasetKindUnsuitable

    with pytest.raises(DatasetKindUnsuitable, match=r"rows of the kind conversation; the recipe reads preference"):
        attempt_here(make_run(recipe="dpo"))


def test_a_stop_in_an_evaluation_leaves_it_to_the_next_attempt_and_nothing_is_sent(
    make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", lambda **_: pytest.fail("telemetry"))
    sections = sections_for("dpo", tmp_path)
    sections["training"] |= {"max_steps": 2}
    calm, stopped = make_run("calm", **sections), make_run("stopped", **sections)
    attempt_here(calm)

    with pytest.raises(StopRequested):
        attempt_here(stopped, stop_in=Phase.EVALUATING)
    attempt_here(stopped)

    assert weights(stopped) == weights(calm)
    assert curves(stopped) == curves(calm)


def test_a_tokenizer_without_a_padding_token_is_left_as_it_is() -> None:
    from backend.trainer.trl_loop import padding_tokenizer
    from tests.fakes.tiny_models import tiny_tokenizer

    tokenizer = tiny_tokenizer(["What is 1 plus 2?"])
    assert padding_tokenizer(tokenizer) is tokenizer
    tokenizer.pad_token = None

    assert padding_tokenizer(tokenizer).pad_token_id == tokenizer.eos_token_id
    assert tokenizer.pad_token is None
    tokenizer.eos_token = None
    assert padding_tokenizer(tokenizer).pad_token_id == 0


def test_blocks_hold_every_token_and_the_rest_is_a_shorter_one() -> None:
    from backend.trainer.recipes.pretrain import blocks

    made = list(blocks(iter([[1, 2, 3], [4, 5, 6, 7], [8]]), 3))

    assert [row["input_ids"] for row in made] == [[1, 2, 3], [4, 5, 6], [7, 8]]
    assert all(row["labels"] == row["input_ids"] for row in made)
    assert [row["input_ids"] for row in blocks(iter([[1, 2, 3, 4]]), 3)] == [[1, 2, 3]]


def base(make_run: MakeRun) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(make_run.room.models["llama"]).eval()


def plainly(folder: Path, model: Any) -> Any:
    from peft import PeftModel

    return PeftModel.from_pretrained(model, str(folder)).eval()


def difference(one: Any, other: Any) -> float:
    """The largest difference between two models' logits on some tokens."""
    import torch

    ids = torch.arange(5, 45).reshape(2, 20)
    with torch.no_grad():
        return float((one.eval()(ids).logits - other.eval()(ids).logits).abs().max())
