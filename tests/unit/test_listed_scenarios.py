"""Every test that the list of scenarios names exists, and the table of what survives what has its marks."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from scripts.benchmarks.faults.catalogue import NAMES
from scripts.benchmarks.faults.kills import VICTIMS
from scripts.benchmarks.faults.report import BEGIN, END

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "tests" / "process" / "README.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)(?:\[([\w-]+)\])?`")
CASES = {*NAMES, *("-and-".join(victims) for victims in VICTIMS)}


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def rows() -> list[str]:
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| ") and not line.startswith("| scenario |")]


def test_each_scenario_names_a_test() -> None:
    assert len(rows()) > 50
    assert [row for row in rows() if not NAMED.search(row)] == []


@pytest.mark.parametrize(("path", "name", "case"), NAMED.findall(LIST.read_text(encoding="utf-8")))
def test_a_named_test_exists(path: str, name: str, case: str) -> None:
    assert name in functions_of(path)
    assert not case or case in CASES


def test_the_page_of_what_survives_what_can_be_written() -> None:
    page = (ROOT / "docs" / "explanation" / "survives.md").read_text(encoding="utf-8")
    assert page.index(BEGIN) < page.index(END)
