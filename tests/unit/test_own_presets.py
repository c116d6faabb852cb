"""Presets that people make: found beside the shipped ones, never overwritten silently."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.config_diff import flattened
from backend.services.config_service import ConfigService
from backend.services.errors import ConfigInvalid
from backend.services.own_presets import (
    NAME,
    OwnPresets,
    PresetExists,
    PresetNameRefused,
    PresetNotFound,
    PresetNotKept,
    suggested_name,
)
from tests.fakes.run_configs import a_config

CONFIG = a_config(name="run", method={"name": "dora", "rank": 4}, training={"batch_size": 2})


@pytest.fixture
def configs(tmp_path: Path) -> ConfigService:
    return ConfigService(tmp_path / "presets")


def test_a_preset_is_found_beside_the_shipped_ones_and_means_the_same(configs: ConfigService) -> None:
    path = configs.save_preset("mine", CONFIG)
    assert flattened(configs.read(path)) == flattened(CONFIG)
    assert configs.presets()["mine"]["method"] == {"name": "dora", "rank": 4}
    assert "name" not in configs.presets()["mine"]
    assert "demo" in configs.presets()


def test_sections_can_be_left_out(configs: ConfigService) -> None:
    configs.save_preset("method-only", CONFIG, without=("base_model", "dataset", "training"))
    assert set(configs.presets()["method-only"]) == {"recipe", "method"}


def test_nothing_is_overwritten_without_being_asked_for(configs: ConfigService) -> None:
    path = configs.save_preset("mine", CONFIG)
    before = path.read_text()
    with pytest.raises(PresetExists):
        configs.save_preset("mine", a_config())
    assert path.read_text() == before
    configs.save_preset("mine", a_config(), replaces=True)
    assert configs.presets()["mine"]["method"] == {"name": "lora"}
    assert [one.name for one in path.parent.iterdir()] == ["mine.yaml"], "nothing half-written stays behind"


@pytest.mark.parametrize("name", ["", "demo", "../x", "a/b", "A", "x.yaml", "-x", "x" * 65, "ä", "con\n"])
def test_names_that_are_no_file_or_are_taken_are_refused(configs: ConfigService, name: str) -> None:
    with pytest.raises(PresetNameRefused):
        configs.save_preset(name, CONFIG, replaces=True)


def test_the_version_changes_with_the_files(configs: ConfigService, tmp_path: Path) -> None:
    empty = configs.presets_version()
    path = configs.save_preset("mine", CONFIG)
    first = configs.presets_version()
    os.utime(path, (1, 1))
    assert len({empty, first, configs.presets_version()}) == 3


def test_files_that_are_no_presets_are_left_out(configs: ConfigService, tmp_path: Path) -> None:
    folder = tmp_path / "presets"
    folder.mkdir()
    (folder / "broken.yaml").write_text("a: [")
    (folder / "list.yaml").write_text("- 1\n")
    (folder / "demo.yaml").write_text("method: vera\n")
    (folder / "Not A Name.yaml").write_text("method: vera\n")
    assert configs.presets() == ConfigService().presets()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PresetNotKept):
        OwnPresets(tmp_path / "file", (), tmp_path / "trash").write("mine", {})
    with pytest.raises(PresetNotKept):
        ConfigService().save_preset("mine", CONFIG)


@given(st.text())
def test_what_is_suggested_can_be_used(text: str) -> None:
    name = suggested_name(text)
    assert name == "" or NAME.fullmatch(name)


def test_the_form_gets_a_draft_that_means_the_same(configs: ConfigService) -> None:
    draft = configs.draft_of(CONFIG)
    assert draft["name"] == "run"
    assert flattened(configs.parse(draft)) == flattened(CONFIG)


def test_a_preset_is_renamed_and_never_over_another_one(configs: ConfigService) -> None:
    configs.save_preset("mine", CONFIG)
    configs.save_preset("other", CONFIG)
    with pytest.raises(PresetExists):
        configs.rename_preset("mine", "other")
    with pytest.raises(PresetNameRefused):
        configs.rename_preset("mine", "demo")
    configs.rename_preset("mine", "better")
    assert sorted(configs.own_presets()) == ["better", "other"]


def test_a_deleted_preset_lies_in_the_trash(configs: ConfigService, tmp_path: Path) -> None:
    kept = configs.save_preset("mine", CONFIG).read_text()
    path = configs.delete_preset("mine")
    assert (path.parent, path.read_text()) == (tmp_path / "trash", kept)
    assert configs.own_presets() == {}


@pytest.mark.parametrize("name", ["demo", "never", "../mine", ""])
def test_only_presets_of_ones_own_can_be_changed(name: str, configs: ConfigService) -> None:
    with pytest.raises(PresetNotFound):
        configs.delete_preset(name)
    with pytest.raises(PresetNotFound):
        configs.rename_preset(name, "new")


def test_an_exported_preset_can_be_imported_and_a_wrong_one_is_refused_by_its_keys(configs: ConfigService) -> None:
    text = configs.save_preset("mine", CONFIG).read_text()
    configs.import_preset("again", text)
    assert configs.own_presets()["again"] == configs.own_presets()["mine"]
    configs.import_preset("partial", "training: {epochs: 2}")
    with pytest.raises(ConfigInvalid, match=r"training\.epohs: unknown key; did you mean epochs"):
        configs.import_preset("wrong", "training: {epohs: 2}")
    with pytest.raises(ConfigInvalid, match=r"training\.epochs"):
        configs.import_preset("wrong", "training: {epochs: 0}")
    assert "wrong" not in configs.own_presets()
