"""Every test that the list of TensorBoard's scenarios names exists, and each line names one or says why not."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explanation" / "curves.md").read_text(encoding="utf-8")
LIST = PAGE.split("## What TensorBoard tests", 1)[1]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
OURS = sorted((ROOT / "tests" / "unit").glob("test_tensorboard_*_scenarios.py"))


@cache
def written_in(path: str) -> dict[str, str]:
    """Each test of a file with its docstring."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name: ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def rows() -> list[str]:
    heads = ("| their test |", "|---")
    return [line for line in LIST.splitlines() if line.startswith("|") and not line.startswith(heads)]


def test_each_line_names_a_test_or_says_why_not() -> None:
    assert len(rows()) > 90
    assert [row for row in rows() if not NAMED.search(row) and "does not apply" not in row] == []


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(PAGE))))
def test_a_named_test_exists(path: str, name: str) -> None:
    assert name in written_in(path)


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_each_of_our_scenarios_says_what_it_restates(path: Path) -> None:
    tests = {name: text for name, text in written_in(str(path.relative_to(ROOT))).items() if name.startswith("test_")}
    assert tests
    assert [name for name, text in tests.items() if len(text) < 20] == []
