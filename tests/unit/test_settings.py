"""Where a setting comes from: init, environment, .env, studio.toml, profile, default, in this order."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sqlalchemy import make_url

from config.settings import PREFIX, Settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_source_gives_way_to_the_one_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().port == 8000
    (tmp_path / "studio.toml").write_text("port = 1001\n")
    assert Settings().port == 1001
    (tmp_path / ".env").write_text("PEFT_STUDIO_PORT=1002\n")
    assert Settings().port == 1002
    monkeypatch.setenv("PEFT_STUDIO_PORT", "1003")
    assert Settings().port == 1003
    assert Settings(port=1004).port == 1004


def test_a_profile_stands_below_every_named_value(tmp_path: Path) -> None:
    assert Settings().debug is False
    (tmp_path / "studio.toml").write_text('environment = "dev"\n')
    assert Settings().debug is True
    (tmp_path / "studio.toml").write_text('environment = "dev"\ndebug = false\n')
    assert Settings().debug is False


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(ValidationError, match="environment"):
        Settings(environment="moon")  # type: ignore[arg-type]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


def test_an_empty_workspace_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEFT_STUDIO_WORKSPACE", " ")
    with pytest.raises(ValidationError, match="name a folder"):
        Settings()


def test_a_workspace_is_absolute(tmp_path: Path) -> None:
    assert Settings(workspace=Path("here")).workspace == tmp_path / "here"
    assert Settings(workspace=Path("~/x")).workspace == Path.home() / "x"


def test_a_relative_store_means_the_same_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEFT_STUDIO_STORE_URL", "sqlite:///my.db")
    assert Settings().url == f"sqlite:///{tmp_path}/my.db"
    for absolute in ("sqlite:////a/b.db", "sqlite://", "sqlite:///:memory:", "postgresql://host/name"):
        assert Settings(store_url=absolute).url == absolute


@given(name=st.text(min_size=1, max_size=20, alphabet=st.characters(codec="utf-8", exclude_characters="\0/\\~")))
def test_the_store_lies_in_its_workspace_however_that_is_called(name: str) -> None:
    settings = Settings(workspace=Path("/tmp") / name)
    assert make_url(settings.url).database == str(settings.workspace / "studio.db")


@given(
    name=st.text(
        min_size=1, max_size=20, alphabet=st.characters(blacklist_characters="\0/\\~", blacklist_categories=["Cs"])
    ),
    waits=st.lists(st.floats(0, 100), min_size=1, max_size=4),
    is_offline=st.booleans(),
)
def test_a_child_gets_these_very_settings(name: str, waits: list[float], is_offline: bool) -> None:
    settings = Settings(workspace=Path("/tmp") / name, backoff_seconds=tuple(waits), hub_offline=is_offline)
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in settings.as_environment().items():
            assert variable.startswith(PREFIX)
            patch.setenv(variable, value)
        assert Settings() == settings
