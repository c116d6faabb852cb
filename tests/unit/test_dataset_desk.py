"""What the Datasets page asks: the list, versions, splits and cleaned copies."""

import json
from pathlib import Path

import pytest

from backend.containers import build_container
from backend.data.choice import Columns, DatasetChoice, DatasetPart
from backend.domain.data_lengths import lengths
from backend.domain.data_report import DataOrder, DataReport
from backend.domain.run_directory import RunDirectory
from backend.services.dataset_errors import DatasetNotListed, DatasetNotMade, DatasetRefused
from backend.services.dataset_library import DatasetLibrary
from backend.services.dataset_making import DatasetMaker, Removal
from backend.services.dataset_registry import DatasetRegistry, Kind
from backend.services.dataset_tables import DatasetTables
from backend.services.dataset_versions import recorded_fingerprint
from backend.services.jobs import JobState
from backend.services.local_tokenizers import LocalTokenizers
from config.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.run_configs import a_config
from tests.fakes.run_store import FakeRunStore


@pytest.fixture
def library(tmp_path: Path) -> DatasetLibrary:
    return DatasetLibrary(tmp_path / "work" / "datasets", 1_000_000)


@pytest.fixture
def registry(tmp_path: Path, library: DatasetLibrary) -> DatasetRegistry:
    (tmp_path / "data").mkdir()
    own = tmp_path / "work" / "datasets"
    return DatasetRegistry(FakeRunStore(FakeClock()), library.list, [tmp_path / "work", tmp_path / "secrets"], own)


@pytest.fixture
def tables(tmp_path: Path) -> DatasetTables:
    return DatasetTables(tmp_path / "cache")


@pytest.fixture
def maker(tables: DatasetTables, library: DatasetLibrary) -> DatasetMaker:
    return DatasetMaker(tables, library, FakeClock())


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def qa(question: str, answer: str) -> dict[str, str]:
    return {"prompt": question, "completion": answer}


def test_files_and_folders_are_registered_and_taken_off_again(registry: DatasetRegistry, tmp_path: Path) -> None:
    file = jsonl(tmp_path / "data" / "rows.jsonl", qa("a", "b"))
    assert registry.add(str(file)) == registry.add(f" {file} ") == str(file)
    registry.add(str(file.parent))
    mine = {one.path: one.kind for one in registry.list() if one.kind is not Kind.SAMPLE}
    assert mine == {str(file): Kind.FILE, str(file.parent): Kind.FOLDER}
    registry.remove(str(file.parent))
    with pytest.raises(DatasetNotListed):
        registry.remove(str(file.parent))
    assert registry.find(str(file)).name == "rows.jsonl"


def test_a_file_inside_a_registered_folder_can_be_opened_but_no_link_out_of_it(
    registry: DatasetRegistry, tmp_path: Path
) -> None:
    inside = jsonl(tmp_path / "data" / "rows.jsonl", qa("a", "b"))
    outside = jsonl(tmp_path / "outside.jsonl", qa("a", "b"))
    (tmp_path / "data" / "link.jsonl").symlink_to(outside)
    registry.add(str(tmp_path / "data"))
    assert registry.find(str(inside)).path == str(inside)
    for path in (tmp_path / "data" / "link.jsonl", tmp_path / "data" / ".." / "outside.jsonl", outside):
        with pytest.raises(DatasetNotListed):
            registry.find(str(path))


def test_what_is_no_dataset_or_private_is_refused(registry: DatasetRegistry, tmp_path: Path) -> None:
    for folder in ("work", "secrets"):
        (tmp_path / folder).mkdir(exist_ok=True)
        jsonl(tmp_path / folder / "rows.jsonl", qa("a", "b"))
    (tmp_path / "data" / "link").symlink_to(tmp_path / "secrets")
    (tmp_path / "data" / "picture.png").touch()
    refused = ("", " ", "/nowhere/rows.jsonl", "/proc", "/etc", "hub:../x", "a\0b")
    private = [tmp_path / "work" / "rows.jsonl", tmp_path / "secrets", tmp_path / "data" / "link"]
    for path in (*refused, *private, tmp_path / "data" / "picture.png"):
        with pytest.raises(DatasetRefused):
            registry.add(str(path))


def test_hub_datasets_are_listed_by_name_without_being_asked_for(registry: DatasetRegistry) -> None:
    registry.add("hub:org/chats", split="test", revision="", subset=None)
    part = registry.find("hub:org/chats").part
    assert (part.split, part.revision, part.subset) == ("test", None, None)


def test_how_a_dataset_is_read_is_remembered_and_can_be_undone(registry: DatasetRegistry, tmp_path: Path) -> None:
    path = registry.add(str(jsonl(tmp_path / "data" / "rows.jsonl", qa("a", "b"))))
    registry.read_as(DatasetPart(path=path, format="text", columns=Columns(text="prompt")))
    assert registry.find(path).part.columns.text == "prompt"
    registry.read_as(DatasetPart(path=path))
    assert registry.find(path).part == DatasetPart(path=path)


def test_a_cleaned_copy_says_what_was_left_out_and_leaves_the_original(
    maker: DatasetMaker, tables: DatasetTables, library: DatasetLibrary, tmp_path: Path
) -> None:
    rows = [
        qa("1", "one"),
        qa("1", "one"),
        qa("2", "..."),
        "broken",
        qa("3", "three"),
        qa("4", "four"),
        {"prompt": "5"},
    ]
    path = jsonl(tmp_path / "rows.jsonl", *rows)
    other = jsonl(tmp_path / "held.jsonl", qa("4", "four"))
    before, part = path.read_bytes(), DatasetPart(path=str(path))
    tables.read(part)
    made = maker.clean(part, list(Removal), validation=DatasetPart(path=str(other)), too_long=[(0, 5)])
    assert [json.loads(line) for line in Path(made.dataset.path).read_text().splitlines()] == [qa("1", "one")]
    assert (made.num_rows, made.removed) == (
        1,
        {
            Removal.DUPLICATE.value: 1,
            Removal.EMPTY_ANSWER.value: 1,
            Removal.UNUSABLE.value: 2,
            Removal.TOO_LONG.value: 1,
            Removal.LEAK.value: 1,
        },
    )
    origin = library.origin(made.dataset.path)
    assert (origin["made_from"], origin["removed"]) == (str(path), made.removed)
    assert path.read_bytes() == before
    kept = maker.clean(part, [])
    assert kept.removed == {Removal.UNUSABLE.value: 1}


def test_a_copy_without_rows_is_not_written(
    maker: DatasetMaker, tables: DatasetTables, library: DatasetLibrary, tmp_path: Path
) -> None:
    part = DatasetPart(path=str(jsonl(tmp_path / "rows.jsonl", qa("1", "..."))))
    tables.read(part)
    with pytest.raises(DatasetNotMade, match="No row would be left"):
        maker.clean(part, [Removal.EMPTY_ANSWER])
    with pytest.raises(DatasetNotMade, match="only one different row"):
        maker.split(part, 0.1, 42)
    assert [one.name for one in library.list() if not one.path.startswith("sample:")] == []


def test_the_fingerprint_of_a_run_is_that_of_its_newest_checkpoint_or_of_its_card(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert recorded_fingerprint(run) == ""
    run.adapter.mkdir()
    (run.adapter / "README.md").write_text(f"| Dataset fingerprint | {'a' * 64} |\n")
    assert recorded_fingerprint(run) == "a" * 64
    for step, text in ((2, '{"dataset": "two"}'), (10, '{"dataset": "ten"}'), (11, "damaged")):
        place = run.checkpoints / f"checkpoint-{step}"
        place.mkdir(parents=True)
        (place / "progress.json").write_text(text)
    assert recorded_fingerprint(run) == "ten"


def test_tokenizers_of_this_machine_are_found_without_asking_anybody(tmp_path: Path) -> None:
    for folder in (
        "models/demo-1a2b",
        "models/mine",
        "hub/models--org--name/snapshots/abc",
        "hub/datasets--org--x/snapshots/a",
    ):
        (tmp_path / folder).mkdir(parents=True)
        for name in ("config.json", "tokenizer.json"):
            (tmp_path / folder / name).touch()
    (tmp_path / "models" / "demo").symlink_to(tmp_path / "models" / "demo-1a2b")
    (tmp_path / "models" / "empty").mkdir()
    found = LocalTokenizers(tmp_path / "models", tmp_path / "hub").list()
    assert [each.path for each in found] == ["demo", str(tmp_path / "models" / "mine"), "org/name"]
    assert LocalTokenizers(tmp_path / "no", tmp_path / "where").list() == []


def test_an_order_for_given_rows_travels_as_text() -> None:
    order = DataOrder.model_validate(
        {"folder": "/", "dataset": {"path": "x"}, "given": [{"place": "a:1", "fields": {"x": [None, 1, "ü"]}}]}
    )
    assert DataOrder.model_validate_json(order.model_dump_json()) == order


def test_more_rows_than_can_be_measured_are_not_cleaned_of_long_ones_by_half(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.services.dataset_desk.MAX_EXAMINED", 1)
    part = DatasetPart(path=str(jsonl(tmp_path / "rows.jsonl", qa("a", "b"), qa("c", "d"))))
    made = build_container(Settings(workspace=workspace))
    desk = made.services().dataset_desk
    try:
        desk.open(part)
        job = desk.clean(
            part, frozenset({Removal.TOO_LONG}), DataOrder(folder="/", dataset=DatasetChoice(path=part.path)), None
        )
        assert job.wait(60)
        assert job.state is JobState.FAILED
        assert job.error is not None
        assert "at most 1 rows" in job.error.why
    finally:
        made.shutdown_resources()


def test_the_longest_row_is_known_once_all_rows_were_examined_for_this_model_and_recipe(
    tmp_path: Path, workspace: Path
) -> None:
    container = build_container(Settings(workspace=workspace))
    desk = container.services().dataset_desk
    file = jsonl(tmp_path / "rows.jsonl", qa("a", "b"), qa("c", "d"))
    told = lengths([5, 300], max_length=1024, batch_size=4)
    facts = {"path": str(file), "format": "prompt_completion", "base_model": "/m", "recipe": "sft", "num_rows": 2}
    whole = DataReport.model_validate(facts | {"is_complete": True, "num_sampled": 2, "lengths": told})
    order = DataOrder.model_validate({"folder": "/", "dataset": {"path": str(file)}, "base_model": {"path": "/m"}})

    def longest(report: DataReport, **config: object) -> int | None:
        key = desk.examination_key("lengths", order)
        desk.jobs.forget(key)
        assert desk.jobs.start(key, "Examining", lambda _: report).wait(60)
        return desk.longest_row(a_config(**{"base_model": "m", "dataset": "rows.jsonl"} | config), tmp_path)

    assert desk.longest_row(a_config(base_model="/m", dataset=str(file)), tmp_path) is None
    assert longest(whole, base_model="/m") == 300
    assert longest(whole.model_copy(update={"num_sampled": 1}), base_model="/m") is None
    assert longest(whole, base_model="/other") is None
    assert longest(whole, base_model="/m", recipe="dpo") is None
    assert longest(whole, base_model="/m", recipe="pretrain") is None
    assert longest(whole, base_model="/m", dataset={"path": "rows.jsonl", "mix": [{"path": "rows.jsonl"}]}) is None
    assert longest(whole, base_model="/m", dataset="nowhere.jsonl") is None
    jsonl(file, qa("a", "b"), qa("c", "longer than before"))
    assert desk.longest_row(a_config(base_model="/m", dataset=str(file)), tmp_path) is None
    container.shutdown_resources()
