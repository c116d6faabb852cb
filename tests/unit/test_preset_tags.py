"""Tags of presets: in the file, found by, changed, and never in the way of the order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.services.config_service import ConfigService
from backend.services.own_presets import PresetNotFound
from config.catalog import preset_path, preset_tags, presets
from config.preset_tags import LONGEST_TAG, MOST_TAGS, cleaned, is_wanted, tags_in, with_tags
from config.yaml_files import dump_yaml, parse_yaml
from tests.fakes.command_line import installed
from tests.fakes.run_configs import a_config

TAGS = st.lists(st.text(max_size=40), max_size=15)
ORDERS = st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=4)


@pytest.fixture
def configs(tmp_path: Path) -> ConfigService:
    return ConfigService(tmp_path / "presets", tmp_path / "trash")


@given(ORDERS, TAGS, TAGS)
def test_tags_stand_in_the_file_and_change_nothing_of_the_order(
    order: dict[str, str], tags: list[str], others: list[str]
) -> None:
    text = with_tags(dump_yaml(order), tags)
    assert tags_in(text) == cleaned(tags)
    assert parse_yaml(text) == order
    again = with_tags(text, others)
    assert tags_in(again) == cleaned(others)
    assert parse_yaml(again) == order
    assert with_tags(again, ()) == with_tags(dump_yaml(order), ())


@given(TAGS)
def test_cleaned_tags_are_few_short_plain_and_stay_so(tags: list[str]) -> None:
    found = cleaned(tags)
    assert len(found) <= MOST_TAGS
    assert len(set(found)) == len(found)
    assert all(0 < len(tag) <= LONGEST_TAG and "," not in tag and tag.isprintable() for tag in found)
    assert cleaned(found) == found


def test_comments_of_a_person_stay_and_only_those_at_the_top_are_looked_at() -> None:
    text = "# mine\n# tags: a, B\nmethod: lora\n# tags: late\n"
    assert tags_in(text) == ("a", "b")
    assert with_tags(text, ["c"]) == "# tags: c\n# mine\nmethod: lora\n# tags: late\n"


def test_words_and_tags_narrow_the_list_down() -> None:
    assert is_wanted("my-chat", ("small", "english"), "chat eng", ["small"])
    assert not is_wanted("my-chat", ("small",), "english")
    assert not is_wanted("my-chat", ("small",), "", ["small", "large"])
    assert is_wanted("anything", ())


def test_every_shipped_preset_has_tags_and_is_still_an_order() -> None:
    found = preset_tags()
    assert found.keys() == presets().keys()
    assert all(found.values())
    assert "tags" not in presets()["demo"]
    assert ConfigService().read(preset_path("demo")).name == "demo"


def test_own_tags_are_kept_changed_renamed_and_imported(configs: ConfigService) -> None:
    configs.save_preset("mine", a_config(), tags=["Chat", "small"])
    assert configs.preset_tags()["mine"] == ("chat", "small")
    before = configs.own_presets()["mine"], configs.presets_version()
    configs.tag_preset("mine", ["german"])
    assert configs.preset_tags()["mine"] == ("german",)
    assert configs.own_presets()["mine"] == before[0]
    assert configs.presets_version() != before[1]
    configs.rename_preset("mine", "other")
    assert configs.preset_tags()["other"] == ("german",)
    configs.import_preset("again", "# tags: one, two\nmethod: lora\n")
    assert configs.preset_tags()["again"] == ("one", "two")
    for name in ("demo", "nobody"):
        with pytest.raises(PresetNotFound):
            configs.tag_preset(name, ["x"])


def test_the_command_line_lists_them_by_tag_and_words(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = installed(capsys, workspace, monkeypatch)
    assert {one["name"] for one in line.say("presets", "--json").json()} == set(presets())
    found = line.say("presets", "--tag", "Preferences", "--search", "reward", "--json").json()
    assert [(one["name"], one["is_own"]) for one in found] == [("reward", False)]
    assert "demo" in line.say("presets").out
    assert "No preset fits." in line.say("presets", "--tag", "nothing").out
