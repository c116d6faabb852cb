"""Which recipe goes with which dataset, method and portions."""

from pathlib import Path
from typing import Any

import pytest

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetKindUnsuitable
from backend.data.loading import load
from backend.recipes import Dpo, Grpo, Kto, Recipe, Sft
from backend.recipes.base import RecipeSpec
from backend.recipes.rewards import PythonReward, Rewards
from backend.services.config_service import ConfigService
from backend.services.errors import ConfigInvalid
from backend.services.preflight import Preflight
from backend.spec import members
from config.catalog import SAMPLES, preset_path

CONFIGS = ConfigService()
SMALL: dict[str, Any] = {"base_model": "demo", "dataset": "rows.jsonl"}
REWARDS = {"length": {"target": 10}}
GRPO = {"name": "grpo", "rewards": REWARDS}


def refused(**sections: Any) -> str:
    with pytest.raises(ConfigInvalid) as caught:
        CONFIGS.parse(SMALL | sections)
    return str(caught.value)


def test_every_recipe_has_a_card_and_reads_something() -> None:
    for spec in members(Recipe):
        assert issubclass(spec, RecipeSpec)
        assert spec.card.title
        assert spec.reads


def test_every_recipe_has_a_preset_whose_sample_it_reads() -> None:
    presets = {name: CONFIGS.read(preset_path(name)) for name in CONFIGS.presets()}
    assert {config.recipe.name for config in presets.values()} == {spec.spec_name() for spec in members(Recipe)}
    for config in presets.values():
        dataset = load(config.dataset, SAMPLES, config.training.seed, config.recipe.reads)
        assert len(dataset.validation)


def test_a_recipe_reads_what_it_says_and_nothing_else() -> None:
    preferences, conversations = DatasetChoice(path="sample:preference.jsonl"), DatasetChoice(path="sample:demo.jsonl")
    assert load(preferences, SAMPLES, 1, Dpo().reads).format == "preference"
    assert load(preferences, SAMPLES, 1, Kto().reads).format == "preference"
    assert load(conversations, SAMPLES, 1, Grpo(rewards=Rewards.model_validate(REWARDS)).reads).train
    with pytest.raises(DatasetKindUnsuitable, match="the recipe reads conversation or text"):
        load(preferences.model_copy(update={"format": "preference"}), SAMPLES, 1, Sft().reads)


def test_grpo_wants_all_answers_to_a_prompt_in_one_step() -> None:
    assert CONFIGS.parse(SMALL | {"recipe": GRPO}).recipe.name == "grpo"
    assert CONFIGS.parse(SMALL | {"recipe": GRPO, "training": {"batch_size": 1, "gradient_accumulation": 4}})
    assert "no multiple of recipe.num_generations" in refused(recipe=GRPO, training={"batch_size": 3})
    assert "no room for a prompt" in refused(recipe=GRPO, training={"max_length": 128})
    assert "recipe.rewards: is required" in refused(recipe="grpo")


def test_kto_wants_neighbours() -> None:
    assert "batch_size of at least 2" in refused(recipe="kto", training={"batch_size": 1})
    assert CONFIGS.parse(
        SMALL | {"recipe": {"name": "kto", "loss_type": "apo_zero_unpaired"}, "training": {"batch_size": 1}}
    )


def test_trained_biases_do_not_go_with_a_reference() -> None:
    biased = {"name": "lora", "bias": "all"}
    assert "cannot be switched off" in refused(recipe="dpo", method=biased)
    assert CONFIGS.parse(SMALL | {"recipe": "orpo", "method": biased})


@pytest.mark.parametrize(
    ("loss", "smoothing", "fits"), [("exo_pair", 0, False), ("exo_pair", 0.1, True), ("sigmoid", 0.1, False)]
)
def test_label_smoothing_goes_with_the_losses_that_use_it(loss: str, smoothing: float, fits: bool) -> None:
    recipe = {"name": "dpo", "loss_type": loss, "label_smoothing": smoothing}
    if fits:
        assert CONFIGS.parse(SMALL | {"recipe": recipe})
    else:
        assert "label_smoothing" in refused(recipe=recipe)


def test_problems_name_the_knob_of_a_reward() -> None:
    recipe = {"name": "grpo", "rewards": {"length": {"target": 0}}}
    assert [problem.key for problem in CONFIGS.problems(SMALL | {"recipe": recipe})] == ["recipe.rewards.length.target"]


def test_preflight_tells_of_rows_of_another_kind_and_of_files_that_nobody_trusts(tmp_path: Path) -> None:
    (tmp_path / "reward.py").write_text("raise SystemExit\n")
    recipe = GRPO | {"rewards": {"python": {"path": "reward.py"}}}
    dataset = {"path": "sample:preference.jsonl", "format": "preference"}
    config = CONFIGS.parse(SMALL | {"recipe": recipe, "dataset": dataset})

    report = Preflight(tmp_path, lambda _: 10**12, lambda _: "1").check(config, tmp_path)

    assert [finding.explanation.id for finding in report.errors] == [
        "dataset-kind-unsuitable",
        "reward-file-not-trusted",
    ]


def test_a_run_keeps_the_absolute_path_of_its_reward() -> None:
    rewards = Rewards(python=PythonReward(path="reward.py"))
    moved = Grpo(rewards=rewards).with_paths(lambda path: f"/home/me/{path}")
    assert moved.rewards.python is not None
    assert moved.rewards.python.path == "/home/me/reward.py"


def test_kto_rows_need_their_format_named_because_they_look_like_questions_with_answers() -> None:
    choice = DatasetChoice(path="sample:kto.jsonl")
    assert load(choice, SAMPLES, 1).format == "prompt_completion"
    assert load(choice.model_copy(update={"format": "kto"}), SAMPLES, 1).format == "kto"
