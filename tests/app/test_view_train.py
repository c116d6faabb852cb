"""Train: from nothing to a started run, with the draft kept and every mistake named."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from dependency_injector.providers import Object
from streamlit.testing.v1 import AppTest

from app.components.basis_diff import differences
from app.components.markdown_escape import escape
from app.runtime import use_container
from backend.containers import StudioContainer, build_container
from backend.domain.actions import replace_draft
from backend.domain.memory_fit import Forecasting
from backend.domain.run import Attempt
from backend.domain.run_config import RunConfig
from backend.methods import Adalora, Method
from backend.services.bundle import Services
from backend.spec import members
from config.yaml_files import parse_yaml
from tests.app.conftest import open_page
from tests.fakes.clock import FakeClock
from tests.fakes.forecasts import ArithmeticForecasts
from tests.fakes.lines import ScriptedProgram
from tests.fakes.model_folders import weights
from tests.fakes.runs import NOON
from tests.fakes.told_runs import add_run


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"prompt": f"What is {i}?", "completion": f"It is {i}."}) for i in range(40)]
    path.write_text("\n".join(lines) + "\n")
    return path


def a_small_model(folder: Path) -> Path:
    """The files of a Llama of one block with two linear layers; no library reads them."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    shapes = {
        "model.embed_tokens.weight": [8, 16],
        "model.layers.0.self_attn.q_proj.weight": [16, 16],
        "model.layers.0.mlp.up_proj.weight": [32, 16],
    }
    weights(folder / "model.safetensors", {name: ("F32", shape) for name, shape in shapes.items()})
    return folder


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
    assert {escape(spec.card.family) for spec in members(Method)} <= set(families)


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
    at = opened(open_page("train"), "train-more-of-method")
    at.text_input(key="draft-method.rank_pattern").set_value("q_proj=16, v_proj = 4")
    opened(at, "train-more-of-method")
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
    opened(at, "train-more-of-method")
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


def test_a_mistake_in_how_rows_are_read_is_told_while_its_fields_are_hidden(services: Services, rows: Path) -> None:
    at = filled(services, rows, dataset={"path": str(rows), "validation_fraction": 7.0})
    assert "draft-dataset.validation_fraction" not in [str(field.key) for field in at.number_input]
    assert any(text.value.startswith(":red[") and "validation" in text.value for text in at.markdown)
    opened(at, "train-reading")
    assert at.number_input(key="draft-dataset.validation_fraction").value == 7.0


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
    shown = [code.value for code in opened(filled(services, rows), "train-yaml").code]
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


def test_a_use_case_fills_in_its_values_with_reasons_and_leaves_model_and_data_alone(
    services: Services, rows: Path
) -> None:
    at = filled(services, rows)
    at.selectbox(key="train-profile").set_value("domain").run()
    assert not at.exception
    assert draft_of(at, services)["method"] == {"name": "rslora", "rank": 64, "alpha": 32}
    assert draft_of(at, services)["dataset"] == {"path": str(rows)}
    assert at.selectbox(key="train-profile").value == "domain"
    opened(at, "why", "train-diff")
    reasons = next(table.value for table in at.dataframe if "Why" in table.value)
    assert "New knowledge needs the most room." in list(reasons["Why"])
    at.number_input(key="draft-method.rank").set_value(8)
    opened(at, "train-diff")
    (row,) = next(table.value for table in at.dataframe if "Here" in table.value).to_dict("records")
    assert row == {"Setting": "method.rank", "domain": "64", "Here": "8 (default)"}


def test_a_link_fills_the_form_from_a_run_a_preset_a_dataset_or_a_model(
    studio: StudioContainer, services: Services
) -> None:
    add_run(studio, "a-run", {"method": {"name": "dora", "rank": 4}})
    at = open_page("train", **{"from": "a-run"})
    assert draft_of(at, services)["method"] == {"name": "dora", "rank": 4}
    assert dict(at.query_params) == {"from": "a-run"}
    at = open_page("train", preset="demo")
    assert at.button(key="train-start").label == "Start the demo run"
    at = open_page("train", dataset="sample:text.txt", model="org/name")
    assert draft_of(at, services)["dataset"]["path"] == "sample:text.txt"
    assert draft_of(at, services)["base_model"] == {"path": "org/name"}
    at = open_page("train", **{"from": "nowhere"})
    assert "run\\-not\\-found" in at.error[0].value
    at = open_page("train", preset="nowhere")
    assert "no preset of this name" in at.warning[0].value
    assert not at.exception


def test_an_unfinished_form_comes_back_after_a_killed_dashboard_and_is_asked_about(
    studio: StudioContainer, services: Services, rows: Path
) -> None:
    at = filled(services, rows)
    at.number_input(key="draft-training.batch_size").set_value(3).run()
    assert not any("unfinished" in text.value for text in at.markdown), "it is no news to who types it"
    another = build_container(studio.settings())  # as after a kill: nothing was closed
    use_container(another)
    again = open_page("train")
    assert again.number_input(key="draft-training.batch_size").value == 3
    assert any("You have an unfinished form from" in text.value for text in again.markdown)
    again.button(key="draft-continue").click().run()
    assert not any("You have an unfinished form" in text.value for text in again.markdown)
    assert again.number_input(key="draft-training.batch_size").value == 3
    another.shutdown_resources()


def test_a_form_that_came_back_can_be_discarded(services: Services, rows: Path) -> None:
    filled(services, rows).number_input(key="draft-training.batch_size").set_value(3).run()
    again = open_page("train")
    again.button(key="draft-discard-sure").click().run()
    assert draft_of(again, services) == {}
    assert services.drafts.unfinished() == ()
    assert not any("unfinished" in text.value for text in open_page("train").markdown)


def test_several_unfinished_forms_are_listed_and_any_of_them_can_be_gone_on_with(
    services: Services, rows: Path
) -> None:
    at = filled(services, rows)
    at.number_input(key="draft-training.batch_size").set_value(3).run()
    (first,) = services.drafts.unfinished()
    at.button(key="train-clear").click().run()
    at.number_input(key="draft-method.rank").set_value(5).run()
    assert len(services.drafts.unfinished()) == 2
    at.button(key=f"draft-take-{first.id}").click().run()
    assert at.number_input(key="draft-training.batch_size").value == 3
    assert at.query_params["draft"] == first.id
    linked = open_page("train", draft=first.id)
    assert linked.number_input(key="draft-training.batch_size").value == 3
    assert not open_page("train", draft="gone").exception


def test_a_started_form_is_unfinished_no_more(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    assert len(services.drafts.unfinished()) == 1
    at.button(key="train-start").click().run()
    assert services.drafts.unfinished() == ()


def test_a_link_leaves_a_form_that_came_back_as_it_is(services: Services, rows: Path) -> None:
    filled(services, rows).number_input(key="draft-training.batch_size").set_value(3).run()
    linked = open_page("train", dataset="sample:text.txt")
    assert draft_of(linked, services) == {"dataset": {"path": "sample:text.txt"}}
    kept = [form.draft["dataset"]["path"] for form in services.drafts.unfinished()]
    assert kept == ["sample:text.txt", str(rows)]


def test_what_another_method_does_not_have_is_no_default_of_it() -> None:
    rows = differences({"method": {"name": "lora", "rank": 16}}, {"method": {"name": "ia3"}}, is_partial=True)
    assert rows == [("method.name", "lora", "ia3"), ("method.rank", "16", "-")]


def test_an_imported_run_yaml_fills_the_form_and_unknown_keys_are_named(services: Services, rows: Path) -> None:
    at = open_page("train")
    text = f"base_model: demo\ndataset: {rows}\nmethod: dora\ntraining:\n  lerning_rate: 1\n  epochs: 0\n"
    next(one for one in at.file_uploader if one.label == "Import a run.yaml").upload("mine.yaml", text.encode())
    at.run()
    assert draft_of(at, services)["method"] == {"name": "dora"}
    assert "learning\\_rate" in at.success[0].value
    assert any(":red[" in shown.value and "greater than 0" in shown.value for shown in at.markdown)
    next(one for one in at.file_uploader if one.label == "Import a run.yaml").upload("bad.yaml", b"- a\n")
    at.run()
    assert any("config\\-unreadable" in box.value for box in at.error)


def test_what_a_run_takes_is_told_only_where_it_is_known(
    studio: StudioContainer, services: Services, rows: Path
) -> None:
    at = filled(services, rows)
    assert metrics(at)["Trainable parameters"] == "-"
    assert metrics(at)["Time"] == "unknown"
    order = {"base_model": "demo", "dataset": str(rows)}
    attempt = Attempt(1, "t", NOON, ended_at=NOON + timedelta(seconds=60), exit_code=0, last_step=12)
    add_run(studio, "before", order, attempts=(attempt,), method="lora", base_model="demo", dataset=str(rows))
    told = metrics(at.run())
    assert told["Steps (estimate)"] == "27"
    assert told["Time (estimate)"] == "2 min 15 s"


def test_trainable_parameters_are_computed_from_the_files_of_the_model(
    services: Services, rows: Path, tmp_path: Path
) -> None:
    model = a_small_model(tmp_path / "model")
    at = filled(services, rows, base_model={"path": str(model)})
    assert metrics(at)["Trainable parameters"] == f"{8 * (16 + 16) + 8 * (16 + 32):,}"
    assert metrics(at)["Base weights"] == "3.5 KiB"
    at.number_input(key="draft-method.rank").set_value(2).run()
    assert metrics(at)["Trainable parameters"] == f"{2 * (16 + 16) + 2 * (16 + 32):,}"


def test_other_methods_are_counted_by_a_program_and_the_answer_is_remembered(
    studio: StudioContainer, rows: Path, tmp_path: Path
) -> None:
    program = ScriptedProgram(lambda _: ['{"count": {"trained": 77, "total": 1000}}', 0], FakeClock())
    studio.counter.override(Object(program))
    services = studio.services()
    model = a_small_model(tmp_path / "model")
    at = filled(services, rows, base_model={"path": str(model)}, method={"name": "ia3"})
    assert metrics(at)["Trainable parameters"] == "77"
    assert "real layer shapes" in next(one.help for one in at.metric if one.label == "Trainable parameters")
    at.run()
    assert len(program.children) == 1


def test_a_sweep_shows_its_runs_and_queues_all_of_them(services: Services, rows: Path) -> None:
    at = filled(services, rows, name="try")
    opened(at, "train-sweep")
    at.text_area(key="sweep-text").set_value("training.learning_rate: 1e-4, 2e-4\nmethod.rank: 8, 16")
    opened(at, "train-sweep")
    assert metrics(at)["Runs"] == "4"
    names = list(next(table.value for table in at.dataframe if "Name" in table.value)["Name"])
    assert names[0] == "try learning_rate=0.0001, rank=8"
    at.text_input(key="sweep-tag").set_value("mine")
    opened(at, "train-sweep")
    at.button(key="train-sweep-start").click().run()
    assert not at.exception
    views = services.status.list()
    assert {view.name for view in views} == set(names)
    assert all(view.run.tags == ("mine",) for view in views)
    assert sorted(at.query_params["runs"].split(",")) == sorted(view.id for view in views)
    assert services.drafts.unfinished() == ()


def test_a_setting_added_to_a_sweep_keeps_what_was_typed_just_before(services: Services, rows: Path) -> None:
    at = opened(filled(services, rows), "train-sweep")
    at.text_area(key="sweep-text").set_value("method.rank: 8, 16")
    at.selectbox(key="sweep-field").set_value("training.seed")
    opened(at, "train-sweep")
    assert at.text_area(key="sweep-text").value == "method.rank: 8, 16\ntraining.seed: "


def test_a_sweep_with_an_impossible_run_says_which_and_cannot_be_started(services: Services, rows: Path) -> None:
    at = filled(services, rows)
    opened(at, "train-sweep")
    at.text_area(key="sweep-text").set_value("training.batch_size: 4, 0")
    opened(at, "train-sweep")
    assert "1 of 2 runs cannot be" in at.error[0].value
    assert not any(button.key == "train-sweep-start" for button in at.button)
    at.text_area(key="sweep-text").set_value("nonsense")
    opened(at, "train-sweep")
    assert "sweep\\-invalid" in at.error[0].value


def test_settings_are_searched_over_all_sections(services: Services) -> None:
    at = opened(open_page("train"), "train-all-settings")
    assert at.selectbox(key="draft-guards.divergence").label == "Divergence"
    at.text_area(key="draft-samples.prompts").set_value("Who?\nWhat, and why?")
    opened(at, "train-all-settings")
    assert draft_of(at, services)["samples"]["prompts"] == ("Who?", "What, and why?")
    at.text_input(key="train-setting-search").set_value("checkpoint")
    opened(at, "train-all-settings")
    keys = [str(one.key) for one in at.number_input]
    assert "draft-training.save_steps" in keys
    assert "draft-training.warmup_ratio" not in keys


class RoomFor:
    """Forecasts by arithmetic, known at once; `room` is what a run may take."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.arithmetic = ArithmeticForecasts()

    def look(self, config: RunConfig, base: Path) -> Forecasting:  # noqa: ARG002 - as the real one
        return Forecasting(self.arithmetic(config), room_bytes=self.room)

    def ask(self, config: RunConfig, base: Path, wait_seconds: float) -> Forecasting:  # noqa: ARG002
        return self.look(config, base)


def advised(services: Services, room: int) -> None:
    """The advisor of the studio knows all forecasts at once."""
    services.advice.fit._forecasts = RoomFor(room)


def test_a_run_that_does_not_fit_is_changed_by_a_click_and_learns_from_as_many_rows(
    services: Services, rows: Path
) -> None:
    advised(services, 6_000_000)
    at = filled(services, rows, training={"batch_size": 16, "max_length": 512})
    assert "To make it fit" in [header.value for header in at.subheader]
    told = next(one.value for one in at.code if "training.batch_size" in one.value and one.value.startswith("- "))
    assert "- training.batch_size: 16\n+ training.batch_size: " in told
    at.button(key="train-advice-apply-1").click().run()
    assert not at.exception
    training = draft_of(at, services)["training"]
    assert isinstance(training, Mapping)
    assert training["batch_size"] * training["gradient_accumulation"] == 16
    assert training["batch_size"] < 16
    assert "To make it fit" not in [header.value for header in at.subheader]


def test_settings_are_suggested_with_reasons_and_taken_one_by_one_or_all(services: Services, rows: Path) -> None:
    at = opened(filled(services, rows), "train-suggest")
    at.button(key="train-suggest-training-epochs").click()
    opened(at, "train-suggest")
    assert draft_of(at, services)["training"] == {"epochs": 5.0}
    assert any("40 rows make few steps" in row for row in why(at))
    at.button(key="train-suggest-all").click()
    opened(at, "train-suggest")
    assert "All of them hold already." in [caption.value for caption in at.caption]


def why(at: AppTest) -> list[str]:
    return [text for table in at.dataframe if "Why" in table.value for text in table.value["Why"]]
