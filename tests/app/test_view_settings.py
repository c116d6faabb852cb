"""The Settings page: values with their sources, changed in place; flags, plugins and files."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.components.markdown_escape import escape
from app.components.method_picker import ALL
from backend.containers import StudioContainer
from backend.plugins.registry import use_registry
from backend.services.bundle import Services
from backend.services.setting_states import keys
from tests.app.conftest import open_page
from tests.fakes.plugins import BROKEN, EXAMPLE, install


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No .env or studio.toml of the folder where the tests are started."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (EXAMPLE, BROKEN):
        monkeypatch.syspath_prepend(str(install(name, tmp_path / name)))
    use_registry(None)
    yield
    use_registry(None)
    for name in [name for name in sys.modules if name.startswith(("peft_studio_example", "peft_studio_broken"))]:
        del sys.modules[name]


def section(name: str) -> AppTest:
    return open_page("settings", section=name)


def texts(at: AppTest) -> str:
    return "\n".join(str(element.value) for element in (*at.markdown, *at.caption, *at.error, *at.warning, *at.info))


def cards(at: AppTest) -> list[str]:
    """The keys of the settings on the page, from the top."""
    known = {f"**{escape(key.name)}**": key.name for key in keys()}
    return [known[element.value] for element in at.markdown if element.value in known]


def test_a_number_is_changed_in_place_and_reset(services: Services, workspace: Path) -> None:
    at = section("Runs")
    at.number_input(key="draft-settings.cpu_slots").set_value(3).run()
    assert services.settings.current().cpu_slots == 3
    assert (workspace / "studio.toml").read_text() == "cpu_slots = 3\n"
    at.button(key="reset-cpu_slots").click().run()
    assert services.settings.current().cpu_slots == 1
    assert at.number_input(key="draft-settings.cpu_slots").value == 1


def test_what_cannot_be_used_stays_in_the_field_with_the_reason(services: Services) -> None:
    at = section("Failures")
    at.text_input(key="draft-settings.backoff_seconds").input("0, soon").run()
    assert at.text_input(key="draft-settings.backoff_seconds").value == "0, soon"
    assert "should be a valid number" in texts(at)
    assert services.settings.current().backoff_seconds == (0.0, 1.0, 2.0)
    at.text_input(key="draft-settings.backoff_seconds").input("0, 4").run()
    assert services.settings.current().backoff_seconds == (0.0, 4.0)
    assert "should be a valid number" not in texts(at)


def test_the_overview_shows_what_differs_and_what_waits_for_the_next_start(services: Services) -> None:
    services.settings.set("max_failures", 9)
    services.settings.set("port", 9001)
    at = section("Overview")
    assert {"max_failures", "port"} <= set(cards(at))
    assert "Until the next start it is 8000" in texts(at)
    assert [box.value for box in at.info] == ["Takes effect when the dashboard is started again: port"]


def test_what_an_environment_variable_gives_is_locked_with_the_reason(services: Services) -> None:
    """The tests' surroundings set PEFT_STUDIO_SPARE."""
    at = section("Runs")
    assert at.text_input(key="fixed-spare").disabled
    assert at.text_input(key="fixed-spare").value == "off"
    assert "PEFT\\_STUDIO\\_SPARE" in texts(at)


def test_a_flag_switches_what_it_names(services: Services) -> None:
    at = section("Features")
    at.toggle(key="draft-settings.flags.tensorboard").set_value(False).run()
    assert services.settings.current().flags.tensorboard is False
    assert not at.exception


def test_a_search_finds_settings_of_all_groups_by_their_words(services: Services) -> None:
    at = open_page("settings", search="PEFT_STUDIO_HANG saving")
    assert cards(at) == ["hang_saving_seconds"]
    at = open_page("settings", search="wings")
    assert [box.value for box in at.info] == ["No setting has these words in its name or description."]


def test_a_file_changed_by_hand_is_seen_at_once_and_a_torn_one_is_explained(
    services: Services, workspace: Path
) -> None:
    file = workspace / "studio.toml"
    file.write_text("max_failures = 6\nwings = 2\n")
    at = section("Files")
    assert services.settings.current().max_failures == 6
    assert "keys that no setting has: wings" in texts(at)
    assert [block.value for block in at.code] == [str(file), "max_failures = 6\nwings = 2"]
    file.write_text("max_failures = [")
    at.button(key="settings-reload").click().run()
    assert "those from before hold" in texts(at)


def test_secrets_are_only_told_to_be_set(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hidden")
    at = section("Overview")
    assert "HF\\_TOKEN: set" in texts(at)
    assert "hidden" not in texts(at)


def test_without_plugins_the_section_says_so(services: Services) -> None:
    assert [box.value for box in section("Plugins").info] == [
        "No plugin is installed in the Python that runs the studio."
    ]


@pytest.mark.usefixtures("plugins")
def test_plugins_are_listed_with_what_became_of_them_and_can_be_left_out(studio: StudioContainer) -> None:
    services = studio.services()
    at = section("Plugins")
    shown = texts(at)
    assert "**attention\\_lora** :gray[a method]" in shown
    assert "JustAClass is not derived from Format" in shown
    assert "![x]" not in shown, "what a plugin raises is shown as it is"
    at.button(key="switch-method-attention_lora").click().run()
    pending = next(state for state in services.settings.sources() if state.key == "plugins_disabled").pending
    assert pending == ["attention_lora"]
    assert "left out from the next start on" in texts(at)


@pytest.mark.usefixtures("plugins")
def test_a_view_of_a_plugin_stands_in_the_menu_and_one_that_fails_harms_no_other(services: Services) -> None:
    at = open_page("example-counts")
    assert [title.value for title in at.title] == ["Runs by state"]
    assert [box.value for box in at.info] == ["No runs yet."]
    failed = open_page("fails")
    assert "The page fails of a plugin could not be drawn" in failed.error[0].value
    assert "RuntimeError\\: it cannot be drawn" in failed.error[0].value
    assert [title.value for title in open_page("home").title] == ["Home"]
    refused = {plugin.name: plugin.error for plugin in services.plugins.failed()}
    assert refused["home"] == "there is a view called home already"


@pytest.mark.usefixtures("plugins")
def test_a_plugins_method_is_offered_by_train(services: Services) -> None:
    at = open_page("train")
    at.session_state[ALL] = True
    at.run()
    assert not at.exception
    assert any(button.key == "method-attention_lora" for button in at.button)
