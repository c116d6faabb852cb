"""What two configurations are told differently."""

from backend.domain.config_diff import Difference, NotAKnob, are_same, compare_configs, flattened, not_default
from tests.fakes.run_configs import GRPO, a_config


def test_an_omitted_knob_equals_its_default() -> None:
    plain, spelled = a_config(), a_config(method={"name": "lora", "rank": 8}, training={"seed": 42, "epochs": 3})
    assert compare_configs((plain, spelled)).differences == ()


def test_a_prompt_is_the_same_as_a_text_or_in_full() -> None:
    short, full = a_config(samples={"prompts": ["Hi"]}), a_config(samples={"prompts": [{"user": "Hi"}]})
    assert are_same(short, full)


def test_only_what_differs_is_told_in_the_order_of_the_model_and_the_rest_is_counted() -> None:
    one = a_config(training={"learning_rate": 1e-3, "batch_size": 8})
    diff = compare_configs((one, a_config(dataset="rows.jsonl", method={"name": "lora", "rank": 16})))
    assert [(row.key, row.values) for row in diff.differences] == [
        ("dataset.path", ("sample:demo.jsonl", "rows.jsonl")),
        ("method.rank", (8, 16)),
        ("training.batch_size", (8, 4)),
        ("training.learning_rate", (1e-3, 2e-4)),
    ]
    assert diff.num_equal == len(flattened(one)) - 4


def test_a_knob_that_another_method_has_not_is_no_value() -> None:
    diff = compare_configs((a_config(method={"name": "lora", "alpha": 4}), a_config(method="vera")))
    rows = {row.key: row for row in diff.differences}
    assert rows["method.name"].values == ("lora", "vera")
    assert rows["method.alpha"] == Difference("method.alpha", (4.0, NotAKnob("vera")))
    assert str(rows["method.alpha"].values[1]) == "not a knob of vera"
    assert rows["method.bias"].is_choice_alone
    assert not rows["method.rank"].is_choice_alone, "both have it, with other defaults"


def test_a_reward_is_one_setting() -> None:
    other = a_config(recipe={**GRPO, "rewards": {"length": {"target": 30}}})
    (row,) = compare_configs((a_config(recipe=GRPO), other)).differences
    assert row.key == "recipe.rewards.length"
    assert [value["target"] for value in row.values] == [20, 30]


def test_true_is_not_one() -> None:
    one, other = a_config(speed={"expandable_segments": True}), a_config(speed={"expandable_segments": False})
    assert [row.values for row in compare_configs((one, other)).differences] == [(True, False)]


def test_a_preset_is_what_differs_from_the_defaults() -> None:
    config = a_config(name="mine", method="qlora", training={"seed": 42, "batch_size": 2})
    assert not_default(config) == {
        "recipe": {"name": "sft"},
        "base_model": {"path": "demo"},
        "dataset": {"path": "sample:demo.jsonl"},
        "method": {"name": "qlora"},
        "quantization": {"name": "nf4"},
        "training": {"batch_size": 2},
    }
