"""A folder of links shows every directory once, under a name that people know."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.store.log_links import key_of, link_all

LABELS = st.dictionaries(st.text(max_size=300), st.integers(0, 20), max_size=8)


@settings(max_examples=200, deadline=None)
@given(LABELS, LABELS)
def test_whatever_they_are_called_each_directory_has_one_link_and_old_ones_go(
    tmp_path_factory: pytest.TempPathFactory, before: dict[str, int], after: dict[str, int]
) -> None:
    folder = tmp_path_factory.mktemp("links")
    for wanted in (before, after):
        directories = {label: Path(f"/logs/{number}") for label, number in wanted.items()}
        link_all(folder, directories)
        targets = sorted(str(link.readlink()) for link in folder.iterdir())
        assert targets == sorted(map(str, directories.values()))
        assert not any(link.name.startswith(".") for link in folder.iterdir())


def test_names_are_kept_where_they_fit_and_told_apart_where_they_do_not(tmp_path: Path) -> None:
    link_all(tmp_path, {"lora r=16": Path("/a"), "../x/y": Path("/b"), "a/b": Path("/c"), "a\\b": Path("/d")})
    found = {link.name: str(link.readlink()) for link in tmp_path.iterdir()}
    assert found == {"lora r=16": "/a", "-x-y": "/b", "a-b": "/c", "a-b (2)": "/d"}


def test_nothing_but_links_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    target = tmp_path / "target"
    target.mkdir()
    link_all(tmp_path, {"a": target})
    link_all(tmp_path, {})
    assert {path.name for path in tmp_path.iterdir()} == {"kept.txt", "target"}


def test_a_set_has_the_same_key_in_any_order_and_by_any_names() -> None:
    assert key_of({"a": Path("/x"), "b": Path("/y")}) == key_of({"c": Path("/y"), "d": Path("/x")})
    assert key_of({"a": Path("/x")}) != key_of({"a": Path("/y")})
