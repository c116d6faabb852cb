"""What is noticed about rows that can be used, and what preflight makes of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetElsewhere
from backend.data.inspection import DatasetSummary, inspect
from backend.data.loading import load
from backend.data.remarks import LONG_CHARACTERS, RemarkKind
from backend.domain.run_config import RunConfig
from backend.services.preflight import Preflight


def write(folder: Path, name: str, answers: list[str]) -> None:
    rows = [{"prompt": "Why?", "completion": answer} for answer in answers]
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def look(folder: Path, **choice: Any) -> DatasetSummary:
    return inspect(DatasetChoice.model_validate({"path": "a.jsonl"} | choice), folder)


def remarks(summary: DatasetSummary) -> dict[RemarkKind, tuple[int, tuple[str, ...]]]:
    return {remark.kind: (remark.count, remark.rows) for remark in summary.remarks}


def preflight(folder: Path, **choice: Any) -> Any:
    config = RunConfig.model_validate({"base_model": "demo", "dataset": {"path": "a.jsonl"} | choice})
    return Preflight(folder, lambda _: 10**12, lambda _: "1").check(config, folder)


def test_each_kind_of_doubtful_row_is_counted_and_named(tmp_path: Path) -> None:
    answers = [
        "fine",
        "...",
        "x" * (LONG_CHARACTERS + 1),
        "a\ufeffb",
        "cafÃ©",
        "caf\ufffd",
        "fine",
        "café ° Âme",
        "fine",
    ]
    write(tmp_path, "a.jsonl", answers)
    summary = look(tmp_path, validation_fraction=0)
    assert remarks(summary) == {
        RemarkKind.DUPLICATE: (2, ("row 7", "row 9")),
        RemarkKind.EMPTY_ANSWER: (1, ("row 2",)),
        RemarkKind.LONG_ANSWER: (1, ("row 3",)),
        RemarkKind.BYTE_ORDER_MARK: (1, ("row 4",)),
        RemarkKind.MIXED_ENCODING: (2, ("row 5", "row 6")),
    }
    assert (summary.num_duplicates, summary.num_problems) == (2, 0)
    assert str(summary.remarks[0]) == "2 rows: equals an earlier row (row 7, row 9)"


def test_leaks_between_the_files_are_found_exact_and_near(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["one", "Two  words", "three", "four"])
    write(tmp_path, "check.jsonl", ["one", "two words", "five"])
    summary = look(tmp_path, validation_path="check.jsonl")
    assert remarks(summary) == {
        RemarkKind.LEAK: (1, ("row 1 of a.jsonl",)),
        RemarkKind.NEAR_LEAK: (1, ("row 2 of a.jsonl",)),
    }
    assert (summary.num_rows, summary.num_train_rows, summary.num_validation_rows) == (4, 3, 3)


def test_near_leaks_of_the_split_are_found(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["one", "ONE"])
    assert RemarkKind.NEAR_LEAK in remarks(look(tmp_path, validation_fraction=0.5))
    assert look(tmp_path, validation_fraction=0).remarks == ()


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"validation_fraction": 0},
        {"validation_path": "b.jsonl"},
        {"mix": [{"path": "b.jsonl", "weight": 2.5}], "weight": 0.3},
    ],
)
def test_the_counts_of_a_look_are_those_of_training(tmp_path: Path, choice: dict[str, Any]) -> None:
    write(tmp_path, "a.jsonl", [str(number % 17) for number in range(40)])
    write(tmp_path, "b.jsonl", [str(number) for number in range(10, 30)])
    summary = look(tmp_path, **choice)
    loaded = load(DatasetChoice.model_validate({"path": "a.jsonl"} | choice), tmp_path, 42)
    assert summary.num_train_rows == len(loaded.train)
    assert summary.num_validation_rows == len(loaded.validation)
    assert (summary.num_rows, summary.fingerprint, summary.format) == (
        loaded.num_rows,
        loaded.fingerprint,
        loaded.format,
    )


def test_preflight_looks_into_the_validation_file_too(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["one", "two"])
    write(tmp_path, "check.jsonl", ["three", ""])
    report = preflight(tmp_path, validation_path="check.jsonl")
    assert "row 2 of check.jsonl" in report.errors[0].sentence()
    report = preflight(tmp_path, validation_path="none.jsonl")
    assert "none.jsonl was not found" in report.errors[0].sentence()
    report = preflight(tmp_path, validation_path="a.jsonl")
    assert any("held out" in error.sentence() for error in report.errors)


def test_preflight_tells_remarks_as_warnings(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["one", "two", "two"])
    report = preflight(tmp_path)
    assert report.errors == ()
    assert "equals an earlier row (row 3)" in report.warnings[0].sentence()


def test_hub_datasets_are_left_to_the_run(tmp_path: Path) -> None:
    with pytest.raises(DatasetElsewhere):
        look(tmp_path, path="hub:org/name")
    report = preflight(tmp_path, path="hub:org/name")
    assert report.errors == ()
    assert "looked at when the run starts" in report.warnings[0].sentence()
    assert report.num_rows is None
