"""Loading and inspecting: all rows or a clear error, and a split that leaks nothing."""

import hashlib
import json
from pathlib import Path

import pytest

from backend.data.choice import DatasetChoice
from backend.data.errors import DatasetBroken, DatasetEmpty, DatasetFormatUnknown, DatasetNotFound
from backend.data.examples import PlainText
from backend.data.inspection import inspect
from backend.data.loading import load
from backend.data.reading import resolve
from backend.errors import EXIT_DATA
from config.catalog import SAMPLES

BROKEN = Path(__file__).resolve().parent.parent / "samples"
FORMATS = {
    "kto.jsonl": "prompt_completion",  # as whoever does not name the format finds it
    "preference.jsonl": "preference",
    "prompts.jsonl": "prompt_completion",  # to GRPO it is the same
    "alpaca.json": "alpaca",
    "demo.jsonl": "messages",
    "messages.jsonl": "messages",
    "prompt_completion.csv": "prompt_completion",
    "prompt_completion.parquet": "prompt_completion",
    "sharegpt.jsonl": "sharegpt",
    "text.txt": "text",
}


def write(folder: Path, name: str, rows: list[dict[str, object]]) -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return name


def test_there_is_a_sample_of_each_format_and_kind_of_file() -> None:
    assert sorted(path.name for path in SAMPLES.iterdir()) == sorted(FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_every_sample_loads_and_inspects_without_a_problem(name: str) -> None:
    choice = DatasetChoice(path=f"sample:{name}")
    summary, loaded = inspect(choice, Path()), load(choice, Path(), seed=1)
    assert summary.format == loaded.format == FORMATS[name]
    assert summary.num_rows == loaded.num_rows == len(loaded.train) + len(loaded.validation)
    assert (summary.num_problems, summary.num_duplicates, summary.problems) == (0, 0, ())
    assert summary.fingerprint == loaded.fingerprint
    assert summary.fingerprint == hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest()
    assert len(summary.first_rows) == min(20, summary.num_rows)
    assert len(summary.examples) == 5
    assert set(summary.columns) >= set(summary.first_rows[0])
    assert loaded.train
    assert loaded.validation


def test_samples_are_looked_up_and_other_paths_are_relative_to_the_base(tmp_path: Path) -> None:
    assert resolve("sample:demo.jsonl", tmp_path) == SAMPLES / "demo.jsonl"
    assert resolve("a.jsonl", tmp_path) == tmp_path / "a.jsonl"
    assert resolve("/b.jsonl", tmp_path) == Path("/b.jsonl")
    for path in ("sample:../models.yaml", "sample:none.jsonl", "~nobody-of-this-name/a.jsonl"):
        with pytest.raises(DatasetNotFound):
            resolve(path, tmp_path)


def test_loading_broken_rows_names_them_all_up_to_ten(tmp_path: Path) -> None:
    with pytest.raises(DatasetBroken) as caught:
        load(DatasetChoice(path="broken-rows.jsonl"), BROKEN, seed=1)
    assert "6 of 8 rows" in str(caught.value)
    assert all(f"row {number}: " in str(caught.value) for number in (2, 3, 5, 6, 7, 8))
    assert caught.value.exit_code == EXIT_DATA
    write(tmp_path, "many.jsonl", [{"text": "good"}, *({"text": ""} for _ in range(30))])
    with pytest.raises(DatasetBroken, match=r"30 of 31 rows.*row 11: the text is empty; \.\.\.") as many:
        load(DatasetChoice(path="many.jsonl"), tmp_path, seed=1)
    assert "row 12" not in str(many.value)


def test_inspecting_broken_rows_shows_them_and_counts_the_good_ones() -> None:
    summary = inspect(DatasetChoice(path="broken-rows.jsonl"), BROKEN)
    assert (summary.num_rows, summary.num_problems, summary.num_duplicates) == (2, 6, 1)
    assert [problem.number for problem in summary.problems] == [2, 3, 5, 6, 7, 8]
    assert len(summary.first_rows) == 4, "rows that were read but cannot be used are shown raw too"


def test_a_file_of_problems_only_is_inspected_and_refused_for_training(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("[1]\n" * 30)
    summary = inspect(DatasetChoice(path="a.jsonl"), tmp_path)
    assert (summary.num_rows, summary.num_problems, len(summary.problems)) == (0, 30, 20)
    with pytest.raises(DatasetBroken, match="30 of 30 rows"):
        load(DatasetChoice(path="a.jsonl"), tmp_path, seed=1)


@pytest.mark.parametrize("name", ["broken-empty.jsonl", "broken-blank.txt"])
def test_an_empty_file_is_an_error_of_its_own(name: str) -> None:
    for look in (inspect, lambda choice, base: load(choice, base, seed=1)):
        with pytest.raises(DatasetEmpty):
            look(DatasetChoice(path=name), BROKEN)


def test_unknown_columns_are_named() -> None:
    with pytest.raises(DatasetFormatUnknown, match="left, right"):
        inspect(DatasetChoice(path="broken-columns.jsonl"), BROKEN)


def test_a_chosen_format_is_used_even_if_the_columns_do_not_fit() -> None:
    summary = inspect(DatasetChoice(path="broken-columns.jsonl", format="text"), BROKEN)
    assert summary.format == "text"
    assert str(summary.problems[0]) == "row 1: there is no text in 'text'"


def test_mapped_columns_are_read(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [{"left": "Why?", "right": "Because."}])
    choice = DatasetChoice.model_validate(
        {"path": "a.jsonl", "columns": {"prompt": "left", "completion": "right"}, "validation_fraction": 0}
    )
    assert load(choice, tmp_path, seed=1).format == "prompt_completion"


def test_only_the_first_rows_are_inspected_on_request(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [{"text": str(n)} for n in range(10)])
    choice = DatasetChoice(path="a.jsonl")
    first, whole = inspect(choice, tmp_path, max_rows=4), inspect(choice, tmp_path, max_rows=10)
    assert (first.num_rows, first.is_complete) == (4, False)
    assert (whole.num_rows, whole.is_complete) == (10, True)


def test_a_validation_file_is_read_whole_and_its_rows_are_not_trained_on(tmp_path: Path) -> None:
    write(tmp_path, "train.jsonl", [{"text": "a"}, {"text": "b"}, {"text": "c"}])
    write(tmp_path, "check.jsonl", [{"text": "b"}, {"text": "d"}])
    choice = DatasetChoice(path="train.jsonl", validation_path="check.jsonl")
    loaded = load(choice, tmp_path, seed=1)
    assert loaded.train == (PlainText("a"), PlainText("c"))
    assert loaded.validation == (PlainText("b"), PlainText("d"))
    assert loaded.num_rows == 3
    write(tmp_path, "check.jsonl", [{"text": "e"}])
    assert load(choice, tmp_path, seed=1).fingerprint != loaded.fingerprint


def test_a_validation_file_that_holds_every_row_leaves_nothing_to_train_on(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [{"text": "a"}])
    with pytest.raises(DatasetEmpty, match="held out"):
        load(DatasetChoice(path="a.jsonl", validation_path="a.jsonl"), tmp_path, seed=1)


def test_the_same_seed_splits_alike_and_another_differs() -> None:
    choice = DatasetChoice(path="sample:demo.jsonl", validation_fraction=0.15)
    first, again, other = (load(choice, Path(), seed) for seed in (1, 1, 2))
    assert first == again
    assert set(first.validation) != set(other.validation)
    assert len(first.validation) == 27
