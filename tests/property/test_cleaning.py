"""The clean-up of a checkout, over any tree of files: numbered as in the sources."""

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scripts.cleaning import BUILDS, CACHES, REPORTS, clean, leftovers

PATTERNS = (*CACHES, *BUILDS, *REPORTS)
LEFT = ("__pycache__", "build", "dist", "x.egg-info", ".coverage", ".coverage.host.1", ".hypothesis", "ALL_COMPLETE.md")
WRITTEN = ("app", "docs", "main.py", "notes.md", ".env", "studio.toml", "runs")
NAMES = st.sampled_from((*LEFT, *WRITTEN, "coverage", ".git", ".venv"))
TREES = st.sets(st.lists(NAMES, min_size=1, max_size=4).map(tuple), max_size=25)


def grow(root: Path, tree: set[tuple[str, ...]]) -> list[str]:
    """Make the files whose way is not a file already; their names."""
    for parts in sorted(tree):
        path = root.joinpath(*parts)
        if not any(parent.is_file() for parent in path.parents) and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    return files(root)


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


@given(tree=TREES, data=st.data())
def test_cleaning_twice_is_cleaning_once_and_what_is_tracked_stays(
    tree: set[tuple[str, ...]], data: st.DataObject
) -> None:
    """Feature: peft-studio-fix, Property 4 (R153)."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        everything = grow(root, tree)
        tracked = data.draw(st.sets(st.sampled_from(everything))) if everything else set()
        clean(leftovers(root, tracked, PATTERNS))
        once = files(root)
        assert tracked <= set(once)
        assert leftovers(root, tracked, PATTERNS) == []
        clean(leftovers(root, tracked, PATTERNS))
        assert files(root) == once


@given(tree=TREES)
def test_what_people_wrote_stays_and_what_tools_left_goes(tree: set[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        everything = grow(root, tree)
        clean(leftovers(root, (), PATTERNS))
        left = files(root)
        assert {name for name in everything if set(name.split("/")) <= set(WRITTEN)} <= set(left)
        looked_at = [set(name.split("/")) for name in left if not {".git", ".venv"} & set(name.split("/"))]
        assert not any(parts & set(LEFT) for parts in looked_at)


def test_a_link_goes_without_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "data.bin").write_text("x")
    (tmp_path / "build").symlink_to(tmp_path / "precious")
    clean(leftovers(tmp_path, (), PATTERNS))
    assert files(tmp_path) == ["precious/data.bin"]
    assert not (tmp_path / "build").is_symlink()
