"""Exports in Monitor and Models; searching the hub in Models and Train: only on a click, every end of it a state."""

import json
from pathlib import Path

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from backend.containers import StudioContainer
from backend.domain.states import RunState, Wish
from backend.services.jobs import JobState
from tests.app.conftest import open_page
from tests.fakes.clock import FakeClock
from tests.fakes.exporting import exported, give_result
from tests.fakes.lines import Reply, ScriptedProgram
from tests.fakes.runs import a_run

HITS = [
    {"id": "org/*small*", "downloads": 1200, "likes": 7, "parameters": 500_000_000, "licence": "mit", "is_gated": True},
    {"id": "org/other"},
]
WRONG = {"id": "hub-not-searched", "what": "No hub.", "why": "The hub answered 503.", "fix": "Later.", "at": "now"}


@pytest.fixture
def run_dir(studio: StudioContainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    studio.exporter.override(providers.Object(ScriptedProgram(exported, FakeClock())))
    folder = studio.settings().runs_folder / "one"
    folder.mkdir(parents=True)
    (folder / "run.yaml").write_text("base_model: org/name\ndataset: sample:demo.jsonl\n")
    give_result(folder)
    run = a_run("one", run_dir=folder, state=RunState.FINISHED, wish=Wish.STOP, name="*First*")
    studio.store().create(run)
    return folder


def words(at: AppTest) -> str:
    found = (*at.markdown, *at.text, *at.caption, *at.info, *at.warning, *at.success, *at.error, *at.code)
    return "\n".join(str(element.value) for element in found).replace("\\", "")


def test_a_finished_run_is_exported_from_monitor_listed_and_deleted(studio: StudioContainer, run_dir: Path) -> None:
    at = open_page("monitor", run="one", section="Exports")
    assert not at.exception
    assert "Nothing was exported yet." in words(at)
    at.selectbox(key="draft-export-monitor-merged.dtype").set_value("bfloat16").run()
    at.button(key="export-start-monitor").click().run()
    job = studio.services().exports.last("one")
    assert job is not None
    assert job.wait(60)
    assert job.state is JobState.DONE
    at.run()
    assert "merged-bfloat16 was written. It is the same." in words(at)
    assert str(run_dir / "exports" / "merged-bfloat16") in words(at)
    at.button(key="export-delete-sure-monitor-merged-bfloat16").click().run()
    assert "Nothing was exported yet." in words(at)
    assert [path.name for path in (run_dir / "exports").iterdir()] == []


def test_what_cannot_be_merged_says_why_instead_of_a_button(studio: StudioContainer, run_dir: Path) -> None:
    (run_dir / "run.yaml").write_text("base_model: org/name\ndataset: x.jsonl\nmethod: prompt\n")
    at = open_page("monitor", run="one", section="Exports")
    assert "no weights that could be added" in words(at)
    assert at.segmented_control(key="export-kind-monitor").options == ["Adapter as a zip"]


def test_an_export_that_fails_is_told_where_it_was_begun(studio: StudioContainer, run_dir: Path) -> None:
    told = json.dumps({"error": WRONG, "exit_code": 70})
    studio.exporter.override(providers.Object(ScriptedProgram(lambda _line: [told, 70], FakeClock())))
    at = open_page("monitor", run="one", section="Exports")
    at.text_input(key="export-name-monitor-merged").set_value("mine").run()
    at.button(key="export-start-monitor").click().run()
    job = studio.services().exports.last("one")
    assert job is not None
    assert job.wait(60)
    at.run()
    assert "The hub answered 503." in words(at)


def test_models_has_the_exports_of_an_adapter_behind_a_click(studio: StudioContainer, run_dir: Path) -> None:
    at = open_page("models", section="adapters", model="run:one")
    assert not at.exception
    assert not [one for one in at.segmented_control if one.key == "export-kind-models"], "drawn only when it is open"


def searched(studio: StudioContainer, reply: Reply) -> ScriptedProgram:
    program = ScriptedProgram(reply, FakeClock())
    studio.searcher.override(providers.Object(program))
    return program


def test_a_hit_on_the_hub_is_put_into_train_and_nothing_was_asked_before_the_click(studio: StudioContainer) -> None:
    program = searched(studio, lambda _line: [json.dumps({"hits": HITS}), 0])
    at = open_page("train")
    assert not at.exception
    assert "sends these words to huggingface.co, without your token" in words(at)
    at.text_input(key="hub-words-train").set_value("small one")
    assert program.children == []
    at.button(key="hub-search-train").click().run()
    assert json.loads(program.children[0].heard[0])["words"] == "small one"
    table = next(one.value for one in at.dataframe if "Downloads" in one.value)
    assert list(table["Name"]) == ["org/*small*", "org/other"]
    assert list(table["Gated"]) == [True, False]
    at.button(key="hub-search-train").click().run()
    assert len(program.children) == 1, "the same words are not sent twice"


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ([json.dumps({"error": WRONG, "exit_code": 70}), 70], "The hub answered 503."),
        ([json.dumps({"hits": []}), 0], "The hub has nothing for these words."),
    ],
)
def test_a_search_without_hits_is_a_state_with_a_reason(
    studio: StudioContainer, reply: list[str | int], told: str
) -> None:
    searched(studio, lambda _line: reply)
    at = open_page("train")
    at.text_input(key="hub-words-train").set_value("x")
    at.button(key="hub-search-train").click().run()
    assert not at.exception
    assert told in words(at)


def test_a_studio_that_is_offline_says_so_and_offers_no_button(studio: StudioContainer) -> None:
    program = searched(studio, lambda _line: [])
    studio.services().hub.is_hub_offline = True
    at = open_page("train")
    assert at.button(key="hub-search-train").disabled
    assert "nothing is sent, and nothing can be found" in words(at)
    assert program.children == []


def test_presets_are_offered_with_their_tags(studio: StudioContainer) -> None:
    at = open_page("train")
    assert "grpo (rewards, small)" in at.selectbox(key="train-preset").options
    at.button(key="train-presets").click().run()
    assert not at.exception
    assert "# tags: demo, first run, small" in words(at)


def manager() -> None:
    from app.components.preset_manager import preset_manager
    from app.session import note

    preset_manager(
        {"mine": {"method": "lora"}, "grpo": {}, "reward": {}},
        {"mine": {"method": "lora"}},
        {"mine": ("*bold*",), "grpo": ("small",), "reward": ("reward model", "small")},
        tag=lambda name, tags: note("told", [name, *tags]),
        rename=lambda _name, _new: None,
        delete=lambda _name: None,
        take=lambda _name, _key: None,
    )


def test_the_manager_finds_presets_by_words_and_tags_and_changes_those_of_ones_own() -> None:
    at = AppTest.from_function(manager, default_timeout=60).run()
    assert at.selectbox(key="preset-which").options == ["mine", "grpo", "reward"]
    assert "# tags: *bold*" in at.code[0].value
    at.text_input(key="preset-tags-mine").set_value("Chat, small").run()
    at.button(key="preset-tag").click().run()
    assert at.session_state["told"] == ["mine", "chat", "small"]
    at.multiselect(key="preset-wanted").set_value(["small"]).run()
    assert at.selectbox(key="preset-which").options == ["grpo", "reward"]
    at.text_input(key="preset-words").set_value("model").run()
    assert at.selectbox(key="preset-which").options == ["reward"]
    at.text_input(key="preset-words").set_value("nothing like it").run()
    assert "No preset fits." in words(at)
