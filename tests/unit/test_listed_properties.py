"""Every test that the list of numbered properties names exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explanation" / "properties.md").read_text(encoding="utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NUMBERS = [f"| fix {number} |" for number in range(1, 7)] + ["| bundling 3 |", "| bundling 10 |"]


@pytest.mark.parametrize(("path", "name"), sorted(set(NAMED.findall(PAGE))))
def test_a_named_test_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("number", NUMBERS)
def test_each_numbered_property_names_a_test(number: str) -> None:
    line = next(line for line in PAGE.splitlines() if number in line)
    assert NAMED.search(line)
