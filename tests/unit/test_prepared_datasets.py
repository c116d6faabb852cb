"""Prepared datasets: read once, kept whole or not at all, split and mixed by rules."""

import json
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from backend.data import prepared
from backend.data.choice import DatasetChoice
from backend.data.errors import CacheNotWritten, DatasetBroken, DatasetChanging, DatasetKindUnsuitable
from backend.data.examples import Conversation, PlainText, Turn
from backend.data.inspection import inspect
from backend.data.lazy import Examples
from backend.data.loading import LoadedDataset, load
from backend.spec import ExampleKind

TALKS, TEXTS = (ExampleKind.CONVERSATION,), (ExampleKind.TEXT,)


def write(folder: Path, name: str, texts: list[str]) -> str:
    (folder / name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return name


def mixed(folder: Path, seed: int = 1, **choice: Any) -> LoadedDataset:
    return load(DatasetChoice.model_validate(choice), folder, seed, cache=folder / "cache")


def texts(examples: Any) -> list[str]:
    return [example.text for example in examples]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """One entry for each time that rows are really read."""
    seen: list[object] = []
    honest = prepared.read_sources

    def watch(*args: Any) -> Any:
        seen.append(args)
        return honest(*args)

    monkeypatch.setattr(prepared, "read_sources", watch)
    return seen


def test_a_second_load_reads_the_cache(tmp_path: Path, reads: list[object]) -> None:
    write(tmp_path, "a.jsonl", ["a", "b", "c"])
    first, second = (mixed(tmp_path, path="a.jsonl") for _ in range(2))
    assert len(reads) == 1
    assert first == second
    write(tmp_path, "a.jsonl", ["a", "b", "d"])
    assert "d" in texts(mixed(tmp_path, path="a.jsonl", validation_fraction=0).train)
    mixed(tmp_path, path="a.jsonl", format="text")
    assert len(reads) == 3, "other bytes and other settings are other entries"


@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"short"), flip, Path.unlink])
def test_a_damaged_entry_is_read_again(tmp_path: Path, reads: list[object], damage: Callable[[Path], Any]) -> None:
    write(tmp_path, "a.jsonl", ["a", "b", "c"])
    mixed(tmp_path, path="a.jsonl")
    (file,) = tmp_path.glob("cache/datasets/*/rows.arrow")
    damage(file)
    assert len(mixed(tmp_path, path="a.jsonl", validation_fraction=0).train) == 3
    assert len(reads) == 2
    assert [path.name for path in (tmp_path / "cache" / "datasets").iterdir()] == [file.parent.name]


def test_what_is_open_lives_on_when_the_cache_is_cleared(tmp_path: Path) -> None:
    import shutil

    write(tmp_path, "a.jsonl", ["a", "b"])
    loaded = mixed(tmp_path, path="a.jsonl", validation_fraction=0)
    shutil.rmtree(tmp_path / "cache")
    assert texts(loaded.train) == ["a", "b"]


@pytest.mark.process
def test_programs_that_prepare_the_same_dataset_at_once_all_end_right(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [str(number) for number in range(5_000)])
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        sums = pool.map(_load_in_child, [tmp_path] * 6, chunksize=1)
    assert sums == [sum(range(5_000))] * 6
    assert len(list((tmp_path / "cache" / "datasets").iterdir())) == 1


def _load_in_child(folder: Path) -> int:
    loaded = mixed(folder, path="a.jsonl")
    return sum(int(text) for text in (*texts(loaded.train), *texts(loaded.validation)))


def test_a_request_to_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [str(number) for number in range(2_500)])
    seen: list[int] = []

    def stop(num_rows: int) -> None:
        seen.append(num_rows)
        if num_rows == 2_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(DatasetChoice(path="a.jsonl"), tmp_path, 1, cache=tmp_path / "cache", progress=stop)
    assert seen == [1_000, 2_000]
    assert list((tmp_path / "cache" / "datasets").iterdir()) == []


def test_broken_rows_leave_nothing_behind(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["a", ""])
    with pytest.raises(DatasetBroken, match=r"1 of 2 rows.*row 2: the text is empty"):
        mixed(tmp_path, path="a.jsonl")
    assert list((tmp_path / "cache" / "datasets").iterdir()) == []


def test_a_cache_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", ["a", "b"])
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(CacheNotWritten):
        mixed(tmp_path, path="a.jsonl")


def test_leftovers_of_killed_programs_go_after_a_week(tmp_path: Path) -> None:
    import os

    write(tmp_path, "a.jsonl", ["a", "b"])
    old, fresh = (tmp_path / "cache" / "datasets" / name for name in (".staging-old", ".staging-fresh"))
    for folder in (old, fresh):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 8 * 24 * 3600,) * 2)
    mixed(tmp_path, path="a.jsonl")
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_file_that_is_written_to_while_it_is_read_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [str(number) for number in range(1_001)])

    def append(_: int) -> None:
        with (tmp_path / "a.jsonl").open("a") as file:
            file.write('{"text": "more"}\n')

    with pytest.raises(DatasetChanging):
        load(DatasetChoice(path="a.jsonl"), tmp_path, 1, cache=tmp_path / "cache", progress=append)


def test_rows_are_called_by_their_lines_on_both_sides_of_the_split(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '\n{"text": "3"}\n\n{"text": "5"}\n{"text": "6"}\n'.replace('"3"', '"2"')
        .replace('"5"', '"4"')
        .replace('"6"', '"5"')
    )
    loaded = mixed(tmp_path, path="a.jsonl", validation_fraction=0.4)
    for side in (loaded.train, loaded.validation):
        assert isinstance(side, Examples)
        assert [side.where(index) for index in range(len(side))] == [f"row {text}" for text in texts(side)]


def test_files_of_a_folder_are_one_dataset_whose_rows_name_their_file(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    write(folder, "a.jsonl", ["1", "2"])
    write(folder, "b.jsonl", ["3"])
    (folder / "readme.md").write_text("no data")
    loaded = mixed(tmp_path, path="many", validation_fraction=0)
    assert texts(loaded.train) == ["1", "2", "3"]
    assert isinstance(loaded.train, Examples)
    assert loaded.train.where(2) == "row 1 of b.jsonl"
    write(folder, "b.jsonl", [""])
    with pytest.raises(DatasetBroken, match=r"row 1 of b\.jsonl: the text is empty"):
        mixed(tmp_path, path="many")


def test_a_folder_that_datasets_saved_is_read_by_split(tmp_path: Path) -> None:
    for split, words in (("train", ["a", "b"]), ("test", ["c"])):
        folder = tmp_path / "saved" / split
        folder.mkdir(parents=True)
        with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), pa.schema({"text": pa.string()})) as file:
            file.write_table(pa.table({"text": words}))
        (folder / "state.json").write_text('{"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}')
    (tmp_path / "saved" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    loaded = mixed(tmp_path, path="saved", validation_split="test")
    assert (texts(loaded.train), texts(loaded.validation)) == (["a", "b"], ["c"])


@pytest.mark.training
def test_what_the_datasets_library_saves_is_read(tmp_path: Path) -> None:
    import datasets

    rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"]}).filter(lambda row: row["text"] != "b")
    datasets.DatasetDict({"train": rows}).save_to_disk(tmp_path / "saved")
    assert texts(mixed(tmp_path, path="saved", validation_fraction=0).train) == ["a", "c"]


def test_weights_say_how_often_rows_come_and_parts_are_spread_evenly(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [f"a{number}" for number in range(8)])
    write(tmp_path, "b.jsonl", [f"b{number}" for number in range(4)])
    write(tmp_path, "c.jsonl", [f"c{number}" for number in range(8)])
    mix = [{"path": "b.jsonl", "weight": 2}, {"path": "c.jsonl", "weight": 0.5}]
    loaded = mixed(tmp_path, path="a.jsonl", mix=mix, validation_fraction=0)
    found = texts(loaded.train)
    assert [text for text in found if text[0] == "a"] == [f"a{number}" for number in range(8)]
    assert [text for text in found if text[0] == "b"] == [f"b{number}" for number in range(4)] * 2
    assert len([text for text in found if text[0] == "c"]) == 4
    assert {text[0] for text in found[:5]} == {"a", "b", "c"}
    assert loaded.num_rows == 20
    assert isinstance(loaded.train, Examples)
    assert loaded.train.where(found.index("b2")) == "row 3 of b.jsonl"
    again, other = (mixed(tmp_path, seed, path="a.jsonl", mix=mix, validation_fraction=0) for seed in (1, 2))
    assert texts(again.train) == found
    assert texts(other.train) != found
    mix[0]["weight"] = 3
    assert mixed(tmp_path, path="a.jsonl", mix=mix).fingerprint != loaded.fingerprint


def test_equal_rows_of_mixed_datasets_are_held_out_together(tmp_path: Path) -> None:
    words = [str(number) for number in range(10)]
    write(tmp_path, "a.jsonl", words)
    write(tmp_path, "b.jsonl", words[::-1])
    loaded = mixed(tmp_path, path="a.jsonl", mix=[{"path": "b.jsonl", "weight": 3}], validation_fraction=0.3)
    assert not set(texts(loaded.train)) & set(texts(loaded.validation))
    assert len(loaded.validation) == 6
    assert len(loaded.train) == 7 * 4


def test_only_formats_that_the_recipe_reads_are_recognised(tmp_path: Path) -> None:
    row = {"text": "x", "prompt": "Why?", "completion": "Because."}
    (tmp_path / "a.jsonl").write_text(f"{json.dumps(row)}\n" * 2)
    choice = DatasetChoice(path="a.jsonl")
    talk = Conversation((Turn("user", "Why?"), Turn("assistant", "Because.")))
    assert load(choice, tmp_path, 1, TALKS).train[0] == talk
    assert load(choice, tmp_path, 1, TEXTS).train[0] == PlainText("x")
    assert inspect(choice, tmp_path, kinds=TEXTS).format == "text"
    write(tmp_path, "b.jsonl", ["x"])
    for choice in (DatasetChoice(path="b.jsonl"), DatasetChoice(path="b.jsonl", format="text")):
        with pytest.raises(
            DatasetKindUnsuitable, match=r"text gives rows of the kind text.*messages, sharegpt, alpaca"
        ):
            load(choice, tmp_path, 1, TALKS)


@pytest.mark.parametrize(
    "choice",
    [
        {"path": "hub:not a name"},
        {"path": "hub:a/b/c"},
        {"path": "a.jsonl", "revision": "main"},
        {"path": "a.jsonl", "mix": [{"path": "b.jsonl", "weight": 0}]},
        {"path": "a.jsonl", "mix": [{"path": "b\x00"}]},
        {"path": "a.jsonl", "validation_path": "hub:"},
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(choice: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        DatasetChoice.model_validate(choice)
