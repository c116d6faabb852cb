"""Train: from nothing to a started run, with the draft kept and every mistake named."""

import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from backend.domain.actions import replace_draft
from backend.methods import Adalora, Method
from backend.services.bundle import Services
from backend.spec import members
from config.yaml_files import parse_yaml
from tests.app.conftest import open_page


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"prompt": f"What is {i}?", "completion": f"It is {i}."}) for i in range(40)]
    path.write_text("\n".join(lines) + "\n")
    return path


def metrics(at: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in at.metric}


def draft_of(at: AppTest, services: Services) -> dict[str, object]:
    return services.states.of(at.session_state["studio-session-id"]).state.training.draft


def filled(services: Services, rows: Path, **more: object) -> AppTest:
    """Train as a session finds it that was left with a model and a typed path (AppTest cannot type one)."""
    draft = {"base_model": {"path": "demo"}, "dataset": {"path": str(rows)}, **more}
    services.states.of("an earlier session").update_state(replace_draft(draft))
    at = open_page("train")
    assert not at.exception
    return at


def test_an_empty_form_says_what_is_missing_and_cannot_start(services: Services) -> None:
    at = open_page("train")
    assert "Base model" in at.warning[0].value
    assert "Dataset" in at.warning[0].value
    assert at.button(key="train-start").disabled


def opened(at: AppTest, *expanders: str) -> AppTest:
    """The page run once more with expanders open whose contents are drawn only then; a click would close them."""
    for key in expanders:
        at.session_state[key] = True
    return at.run()


def method_buttons(at: AppTest) -> list[str]:
    prefix = "method-"
    return [str(button.key).removeprefix(prefix) for button in at.button if str(button.key).startswith(prefix)]


def test_every_method_of_the_registry_can_be_chosen_recommended_ones_first(services: Services) -> None:
    """Property 2 of the sources: what the backend knows is what the page offers."""
    at = open_page("train")
    recommended = [spec.spec_name() for spec in members(Method) if spec.card.recommended]
    assert method_buttons(at)[: len(recommended)] == recommended
    opened(at, "train-all-methods")
    assert sorted(method_buttons(at)) == sorted(spec.spec_name() for spec in members(Method))
    families = [header.value for header in at.subheader]
    assert {spec.card.family for spec in members(Method)} <= set(families)


def test_methods_that_cannot_work_say_why_and_cannot_be_chosen(services: Services) -> None:
    at = opened(open_page("train"), "train-all-methods")
    for spec in members(Method):
        assert at.button(key=f"method-{spec.spec_name()}").disabled == bool(spec.card.unavailable)
    reasons = [caption.value for caption in at.caption if "Not available" in caption.value]
    assert len(reasons) == sum(bool(spec.card.unavailable) for spec in members(Method))


def test_methods_that_the_chosen_number_format_excludes_say_so(services: Services, rows: Path) -> None:
    at = filled(services, rows, quantization={"name": "int8"})
    opened(at, "train-all-methods")
    assert at.button(key="method-full").disabled
    assert not at.button(key="method-ia3").disabled
    assert any("needs the full weights" in caption.value for caption in at.caption)


def test_methods_are_searched_by_what_they_are_good_for(services: Services) -> None:
    at = opened(open_page("train"), "train-all-methods")
    at.text_input(key="train-method-search").set_value("context")
    opened(at, "train-all-methods")
    assert "cpt" in method_buttons(at)
    assert "boft" not in method_buttons(at)
    at.text_input(key="train-method-search").set_value("nonsense")
    opened(at, "train-all-methods")
    assert any("No method matches" in caption.value for caption in at.caption)


def test_ranks_by_layer_are_typed_as_pairs(services: Services) -> None:
    at = open_page("train")
    at.text_input(key="draft-method.rank_pattern").set_value("q_proj=16, v_proj = 4").run()
    assert draft_of(at, services)["method"]["rank_pattern"] == {"q_proj": "16", "v_proj": "4"}
    assert at.text_input(key="draft-method.rank_pattern").value == "q_proj=16, v_proj=4"
    assert not at.exception


def draw_every_method() -> None:
    from app.components.training_form import spec_form
    from backend.methods import Method
    from backend.spec import members

    for spec in members(Method):
        spec_form(spec, spec.spec_name(), {}, lambda key, value: None, {})


def test_every_knob_of_every_method_has_its_control_with_help_and_the_reason_of_its_default() -> None:
    """Property 2 of the sources, the second half."""
    at = AppTest.from_function(draw_every_method, default_timeout=60).run()
    assert not at.exception
    for spec in members(Method):
        for knob in spec.parameters():
            control = at.get_by_key(f"draft-{spec.spec_name()}.{knob.name}")
            assert control.label == knob.label
            assert "Default: " in control.help, f"{spec.spec_name()}.{knob.name}"
            assert knob.reason


def test_choosing_a_method_draws_its_knobs_in_place_of_the_others(services: Services) -> None:
    at = open_page("train")
    at.button(key="method-adalora").click().run()
    assert not at.exception
    for knob in Adalora.parameters():
        assert at.get_by_key(f"draft-method.{knob.name}").label == knob.label
    assert "draft-method.use_dora" not in [str(toggle.key) for toggle in at.toggle]


def test_knobs_that_both_methods_have_keep_their_values(services: Services) -> None:
    at = open_page("train")
    at.number_input(key="draft-method.rank").set_value(64).run()
    at.button(key="method-dora").click().run()
    assert at.number_input(key="draft-method.rank").value == 64
    assert draft_of(at, services)["method"] == {"name": "dora", "rank": 64}


def test_a_path_on_this_machine_is_looked_into(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    assert "40 rows" in " ".join(text.value for text in at.markdown)
    assert list(at.dataframe[0].value["prompt"])[:2] == ["What is 0?", "What is 1?"]
    assert metrics(at)["Rows"] == "40"


def test_a_file_that_changes_is_looked_into_again(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    rows.write_text(rows.read_text() + json.dumps({"prompt": "new", "completion": "row"}) + "\n")
    assert "41 rows" in " ".join(text.value for text in at.run().markdown)


def test_an_upload_becomes_the_dataset(services: Services, rows: Path) -> None:
    at = open_page("train")
    next(one for one in at.file_uploader if one.label == "Upload a dataset").upload("my rows.jsonl", rows.read_bytes())
    at.run()
    path = draft_of(at, services)["dataset"]["path"]
    assert Path(path).read_bytes() == rows.read_bytes()
    assert at.selectbox(key="draft-dataset.path").value == path


def test_rows_that_cannot_be_used_are_named_with_their_lines_and_block_the_start(
    services: Services, rows: Path
) -> None:
    rows.write_text(rows.read_text() + "not json\n")
    at = filled(services, rows)
    problems = next(table.value for table in at.dataframe if "Problem" in table.value)
    assert list(problems["Line"]) == [41]
    assert at.button(key="train-start").disabled
    assert "dataset\\-rows\\-broken" in at.error[-1].value


def test_a_dataset_that_is_not_there_is_told_at_the_field(services: Services, tmp_path: Path) -> None:
    at = filled(services, tmp_path / "missing.jsonl")
    assert any(text.value.startswith(":red[") for text in at.markdown)
    assert at.button(key="train-start").disabled


def test_starting_creates_the_run_and_opens_it(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    at.text_input(key="draft-name").set_value("first run").run()
    at.radio(key="draft-length").set_value("Steps").run()
    at.number_input(key="draft-training.max_steps").set_value(7).run()
    assert metrics(at)["Steps (estimate)"] == "7"
    at.button(key="train-start").click().run()
    (view,) = services.status.list()
    assert (view.name, view.run.dataset) == ("first run", str(rows))
    assert at.query_params["run"] == view.id
    assert parse_yaml(services.status.config_text(view.id))["training"]["max_steps"] == 7


def test_the_shown_order_is_what_the_command_line_takes(services: Services, rows: Path) -> None:
    shown = [code.value for code in filled(services, rows).code]
    order = next(parse_yaml(text) for text in shown if text.startswith("schema_version"))
    assert services.configs.parse(order).dataset.path == str(rows)
    assert "peft-studio train run.yaml" in shown


def test_a_mistake_that_only_shows_at_the_start_is_a_notice(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    rows.unlink()
    at.button(key="train-start").click().run()
    assert any("preflight\\-failed" in box.value for box in at.error)
    assert services.status.list() == ()


def test_the_draft_survives_a_reload(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    at.number_input(key="draft-training.batch_size").set_value(3).run()
    again = open_page("train")
    assert again.session_state["studio-session-id"] != at.session_state["studio-session-id"]
    assert again.number_input(key="draft-training.batch_size").value == 3
    assert again.selectbox(key="draft-dataset.path").value == str(rows)


def test_a_preset_fills_the_form_and_clearing_empties_it(services: Services) -> None:
    at = open_page("train")
    at.selectbox(key="train-preset").set_value("demo").run()
    assert at.button(key="train-start").label == "Start the demo run"
    assert not at.button(key="train-start").disabled
    assert at.number_input(key="draft-training.learning_rate").value == 0.005
    at.number_input(key="draft-method.rank").set_value(4).run()
    assert at.selectbox(key="train-preset").value is None
    assert at.button(key="train-start").label == "Start the run"
    at.button(key="train-clear").click().run()
    assert draft_of(at, services) == {}
    assert at.number_input(key="draft-method.rank").value == 8


def test_values_out_of_bounds_are_shown_with_their_problem(services: Services) -> None:
    services.states.of("an earlier session").update_state(replace_draft({"method": {"name": "lora", "rank": 5000}}))
    at = open_page("train")
    assert not at.exception
    assert at.number_input(key="draft-method.rank").value == 5000
    assert any(":red[" in text.value and "1024" in text.value for text in at.markdown)


def test_a_method_and_a_quantization_that_do_not_fit_are_told(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    at.button(key="method-pissa").click().run()
    opened(at, "train-all-settings")
    at.selectbox(key="draft-quantization.name").set_value("nf4").run()
    assert "pissa" in at.warning[0].value
    at.button(key="method-qlora").click().run()
    assert "quantization" not in draft_of(at, services)
    assert not at.button(key="train-start").disabled


def test_an_emptied_optional_field_means_its_default(services: Services) -> None:
    at = opened(open_page("train"), "train-all-settings")
    at.text_input(key="draft-base_model.revision").set_value("main")
    opened(at, "train-all-settings")
    assert draft_of(at, services)["base_model"] == {"revision": "main"}
    at.text_input(key="draft-base_model.revision").set_value("").run()
    assert draft_of(at, services)["base_model"] == {}
    at.text_input(key="draft-method.target_modules").set_value("q_proj, v_proj").run()
    assert draft_of(at, services)["method"]["target_modules"] == ("q_proj", "v_proj")
    at.text_input(key="draft-method.target_modules").set_value("all-linear").run()
    assert draft_of(at, services)["method"]["target_modules"] == "all-linear"


def test_hostile_text_in_a_dataset_is_not_interpreted(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "evil.jsonl"
    evil = "![x](http://evil.example/a.png) <script>"
    path.write_text((json.dumps({"prompt": evil, "completion": evil}) + "\n") * 3)
    at = filled(services, path)
    shown = [text.value for text in (*at.markdown, *at.caption, *at.error, *at.warning)]
    assert not any("](http://evil" in text for text in shown)


def test_plain_text_is_shown_as_the_model_reads_it(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text("Once upon a time.\n\nThere was a tiny model.\n\nIt learned.\n")
    shown = [code.value for code in filled(services, path).code]
    assert any("Once upon a time." in text for text in shown)


def test_another_recipe_brings_its_own_knobs_and_keeps_common_ones(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    at.selectbox(key="draft-recipe.name").select("dpo").run()
    assert not at.exception
    at.number_input(key="draft-recipe.beta").set_value(0.3).run()

    at.selectbox(key="draft-recipe.name").select("kto").run()

    assert draft_of(at, services)["recipe"] == {"name": "kto", "beta": 0.3}
    assert "the recipe reads rated" in " ".join(text.value for text in [*at.error, *at.markdown])


def test_the_rewards_of_grpo_are_switched_on_one_by_one(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    at.selectbox(key="draft-recipe.name").select("grpo").run()
    assert "is required" in " ".join(text.value for text in at.markdown)

    at.toggle(key="draft-recipe.rewards.length").set_value(True).run()
    at.number_input(key="draft-recipe.rewards.length.target").set_value(20).run()

    assert not at.exception
    assert draft_of(at, services)["recipe"] == {"name": "grpo", "rewards": {"length": {"target": 20}}}
    assert not at.button(key="train-start").disabled
