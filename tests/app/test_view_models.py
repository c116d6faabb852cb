"""Models: base models, adapters with their lineage, checkpoints, and what deleting them asks and does."""

import json
from pathlib import Path

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from app import watching
from backend.containers import StudioContainer
from backend.domain.actions import replace_draft
from backend.domain.run import Origin
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from backend.services.model_library import ModelLibrary, ModelPlaces
from backend.store.checkpoints import MANIFEST, write_manifest_text
from tests.app.conftest import open_page
from tests.fakes.clock import FakeClock
from tests.fakes.model_folders import NUM_PARAMETERS, StuckModels, a_cached_model, a_model, an_adapter
from tests.fakes.runs import a_run

ORDER = "base_model: demo\ndataset: sample:demo.jsonl\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, empty and on the workspace's disk."""
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setenv("HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def runs(cache: Path, studio: StudioContainer) -> Path:
    """One that is finished with an adapter, one forked from it and paused; both with checkpoints."""
    folder = studio.settings().runs_folder
    facts = {
        "one": {"state": RunState.FINISHED, "wish": Wish.STOP, "name": "*First*"},
        "two": {"state": RunState.PAUSED, "wish": Wish.PAUSE, "origin": Origin("one", "fork", 20), "name": "Second"},
    }
    for run_id, own in facts.items():
        run_dir = folder / run_id
        for step in (10, 20) if run_id == "one" else (30,):
            checkpoint = run_dir / "checkpoints" / f"checkpoint-{step}"
            checkpoint.mkdir(parents=True)
            (checkpoint / "weights").write_bytes(bytes(1000))
            (checkpoint / MANIFEST).write_text(write_manifest_text(checkpoint, step))
        (run_dir / "run.yaml").write_text(ORDER)
        studio.store().create(a_run(run_id, run_dir=run_dir, **own))
    an_adapter(folder / "one" / "adapter", fingerprint="abc123")
    return folder


def words(at: AppTest) -> str:
    """Every text of the page in one."""
    found = (*at.markdown, *at.text, *at.caption, *at.info, *at.warning, *at.success, *at.error, *at.code)
    return "\n".join(str(element.value) for element in found)


def test_an_empty_machine_says_what_to_do_and_shows_the_catalogue(cache: Path, services: Services) -> None:
    at = open_page("models")
    assert not at.exception
    assert "No base model is on this machine yet" in at.info[0].value
    assert set(at.dataframe[0].value["Where"]) == {"catalogue"}
    assert set(at.dataframe[0].value["Remarks"]) == {"not downloaded yet"}


def test_models_of_the_workspace_and_the_cache_are_listed_with_exact_counts(
    cache: Path, studio: StudioContainer, services: Services
) -> None:
    a_model(studio.settings().models_folder / "demo")
    a_cached_model(cache, "org/cached", unfinished=1)
    table = open_page("models").dataframe[0].value.set_index("Model")
    assert table.loc["org/cached", "parameters"] == NUM_PARAMETERS
    assert table.loc["org/cached", "Remarks"] == "download not finished"
    assert table.loc["Demo model", "Where"] == "workspace"
    assert table.loc["Demo model", "context"] == 2048


def test_a_link_opens_a_model_and_says_everything_about_it(cache: Path, services: Services) -> None:
    a_cached_model(cache, "org/cached")
    at = open_page("models", model="org/cached")
    assert not at.exception
    told = words(at)
    assert f"{NUM_PARAMETERS:,}" in told
    assert "q_proj (2), up_proj (1)" in told
    assert "not stated" in told
    assert "2,048 tokens" in told


def test_a_model_that_is_gone_is_said_to_be(cache: Path, services: Services) -> None:
    assert "There is no model org/\\*gone\\*" in words(open_page("models", model="org/*gone*")).replace("\\/", "/")


def test_a_model_goes_into_the_train_form(cache: Path, services: Services) -> None:
    a_cached_model(cache, "org/cached")
    at = open_page("models", model="org/cached").button(key="model-train").click().run()
    assert at.title[0].value == "Train"
    assert at.selectbox(key="draft-base_model.path").value == "org/cached"


def test_a_model_goes_into_the_form_that_is_open_and_not_into_one_that_came_back(
    cache: Path, services: Services
) -> None:
    a_cached_model(cache, "org/cached")
    earlier = services.states.of("an earlier session")
    earlier.update_state(replace_draft({"base_model": {"path": "demo"}, "name": "mine"}))
    services.drafts.keep(earlier)
    at = open_page("models", model="org/cached").button(key="model-train").click().run()
    assert [form.draft.get("name") for form in services.drafts.unfinished()] == [None, "mine"]
    at.text_input(key="draft-name").set_value("new").run()
    training = services.states.of(at.session_state["studio-session-id"]).state.training
    assert training.draft["base_model"]["path"] == "org/cached"
    assert len(services.drafts.unfinished()) == 2


def test_deleting_a_model_asks_first_and_says_where_it_went(cache: Path, services: Services) -> None:
    folder = a_cached_model(cache, "org/cached")
    at = open_page("models", model="org/cached")
    at.button(key="model-delete").click().run()
    assert folder.is_dir()
    assert "become free when the trash is emptied" in words(at)
    at.button(key="model-delete-yes").click().run()
    assert not at.exception
    assert not folder.exists()
    assert "trash" in at.success[0].value
    assert "org/cached" not in set(at.dataframe[0].value["Model"])


def test_a_model_that_a_run_at_work_needs_is_kept(cache: Path, studio: StudioContainer, services: Services) -> None:
    a_cached_model(cache, "org/cached")
    run_dir = studio.settings().runs_folder / "busy"
    run_dir.mkdir(parents=True)
    studio.store().create(a_run("busy", state=RunState.RUNNING, run_dir=run_dir, base_model="org/cached"))
    button = open_page("models", model="org/cached").button(key="model-delete")
    assert button.disabled
    assert "busy" in button.help


def test_a_folder_is_looked_through_once_it_is_named(cache: Path, tmp_path: Path, services: Services) -> None:
    a_model(tmp_path / "mine" / "tiny")
    at = open_page("models")
    at.text_input(key="models-folder-path").set_value(str(tmp_path / "mine"))
    at.button(key="models-folder-add").click().run()
    assert not at.exception
    assert "tiny" in set(at.dataframe[0].value["Model"])
    at.button(key=f"models-folder-remove-{tmp_path / 'mine'}").click().run()
    assert "tiny" not in set(at.dataframe[0].value["Model"])


def test_a_folder_that_does_not_exist_is_refused_in_words(cache: Path, services: Services) -> None:
    at = open_page("models")
    at.text_input(key="models-folder-path").set_value("/nowhere/at/all")
    at.button(key="models-folder-add").click().run()
    assert "was not registered" in at.error[0].value


def test_a_slow_disk_does_not_keep_the_page_from_being_drawn(
    cache: Path, studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ROUNDS", 2)
    probe = StuckModels()
    places = ModelPlaces(cache / "models", cache, cache / "trash")
    studio.models.override(providers.Object(ModelLibrary(studio.store(), probe, FakeClock(), places)))
    try:
        at = open_page("models")
        assert not at.exception
        assert "What is known so far is shown" in words(at)
    finally:
        probe.may_answer.set()


def test_without_adapters_the_section_says_so(cache: Path, services: Services) -> None:
    assert "No adapter yet" in open_page("models", section="adapters").info[0].value


def test_adapters_of_runs_and_foreign_ones_stand_in_one_table(runs: Path, tmp_path: Path, services: Services) -> None:
    an_adapter(tmp_path / "foreign" / "theirs", base="org/base")
    services.models.add_folder(str(tmp_path / "foreign"))
    table = open_page("models", section="adapters").dataframe[0].value.set_index("Adapter")
    assert table.loc["*First*", "rank"] == 4
    assert table.loc["*First*", "parameters"] == 64
    assert table.loc["theirs", "Base model"] == "org/base"


def test_an_adapter_tells_its_lineage_and_leads_on(runs: Path, services: Services) -> None:
    at = open_page("models", section="adapters", model="run:one")
    told = words(at)
    assert "Made from it: Second." in told
    assert "abc123" in told
    at.button(key="adapter-to-models").click().run()
    assert (at.query_params["section"], at.query_params["run"]) == ("checkpoints", "one")


def test_checkpoints_are_listed_with_marks(runs: Path, services: Services) -> None:
    table = open_page("models", section="checkpoints", run="one").dataframe[0].value
    assert list(table["step"]) == [20, 10]
    assert list(table["Marks"]) == ["last", ""]


def test_verifying_compares_every_byte(runs: Path, services: Services) -> None:
    at = open_page("models", section="checkpoints", run="one", step="10")
    at.button(key="checkpoint-verify").click().run()
    assert "Every byte is as it was sealed" in at.success[0].value
    (runs / "one" / "checkpoints" / "checkpoint-10" / "weights").write_bytes(bytes(999))
    at.button(key="checkpoint-verify").click().run()
    assert "It is damaged" in at.error[0].value


def test_deleting_a_checkpoint_asks_first(runs: Path, services: Services) -> None:
    at = open_page("models", section="checkpoints", run="one", step="10")
    folder = runs / "one" / "checkpoints" / "checkpoint-10"
    at.button(key="checkpoint-delete").click().run()
    assert folder.is_dir()
    at.button(key="checkpoint-delete-yes").click().run()
    assert not at.exception
    assert not folder.exists()
    assert list(at.dataframe[0].value["step"]) == [20]
    (gone,) = (runs.parent / "trash").iterdir()
    assert gone.name.startswith("one-checkpoint-10-")


def test_the_last_checkpoint_of_a_paused_run_is_kept_with_the_reason(runs: Path, services: Services) -> None:
    at = open_page("models", section="checkpoints", run="two", step="30")
    assert at.button(key="checkpoint-delete").disabled
    assert "last whole checkpoint" in words(at)


def test_names_that_are_markdown_stay_texts(runs: Path, services: Services) -> None:
    at = open_page("models", section="adapters", model="run:one")
    assert "\\*First\\*" in [heading.value for heading in at.header]


def test_a_config_that_is_no_model_is_named_not_hidden(cache: Path, tmp_path: Path, services: Services) -> None:
    folder = a_model(tmp_path / "mine" / "odd")
    (folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "code.Evil"}}))
    services.models.add_folder(str(tmp_path / "mine"))
    at = open_page("models", model=str(folder))
    assert "own code" in set(at.dataframe[0].value["Remarks"])
    assert "Brings its own code" in words(at)
