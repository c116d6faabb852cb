"""The longest tests start first, and nothing is torn apart that shares a costly run."""

import itertools
from pathlib import Path

from tests.schedule import LONGEST_FIRST, TOGETHER, group, rank, slowest_files

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_named_exists() -> None:
    assert [name for name in (*LONGEST_FIRST, *itertools.chain(*TOGETHER)) if not (ROOT / name).exists()] == []


def test_long_files_come_before_their_folder_and_the_rest_comes_last() -> None:
    names = ["tests/unit/test_a.py::a", "tests/training/test_methods.py::b", "tests/training/test_bench.py::c"]
    assert sorted(names, key=rank) == [names[1], names[2], names[0]]


def test_a_file_stays_together_and_so_do_all_acceptance_tests() -> None:
    assert group("tests/unit/test_a.py::test_a[1::2]") == "tests/unit/test_a.py"
    assert group("tests/acceptance/test_orders.py::a") == group("tests/training/test_demo_run.py::b")


def test_the_slowest_are_listed_first() -> None:
    seconds = {f"file{i}": float(i) for i in range(20)}
    lines = slowest_files(seconds)
    assert len(lines) == 10
    assert lines[0].split() == ["19.0", "s", "file19"]
