"""Uploads: kept once, bounded, under names that cannot leave their folder."""

import hashlib
import io
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.data.choice import DatasetChoice
from backend.services.dataset_library import DatasetLibrary
from backend.services.errors import UploadNotKept, UploadRefused

ROW = b'{"prompt": "a", "completion": "b"}\n'


def test_an_upload_lies_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    stored = DatasetLibrary(tmp_path, 1000).upload("my rows.jsonl", io.BytesIO(ROW))
    assert Path(stored.path).read_bytes() == ROW
    assert Path(stored.path).parent.name == hashlib.sha256(ROW).hexdigest()[:16]
    assert (stored.name, stored.size_bytes) == ("my-rows.jsonl", len(ROW))


def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    library = DatasetLibrary(tmp_path, 1000)
    first, second = (library.upload("a.jsonl", io.BytesIO(ROW)) for _ in range(2))
    assert first == second
    assert [d.path for d in library.list() if d.path.startswith(str(tmp_path))] == [first.path]


def test_a_disk_that_takes_no_upload_is_told_with_an_id(tmp_path: Path) -> None:
    (tmp_path / "datasets").write_text("a file where the folder should be")
    with pytest.raises(UploadNotKept, match="upload-not-kept"):
        DatasetLibrary(tmp_path / "datasets", 1000).upload("a.jsonl", io.BytesIO(ROW))


def test_samples_are_offered_too(tmp_path: Path) -> None:
    offered = DatasetLibrary(tmp_path, 1000).list()
    assert "sample:demo.jsonl" in [dataset.path for dataset in offered]


def test_too_large_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UploadRefused, match="larger than 10 bytes"):
        DatasetLibrary(tmp_path, 10).upload("a.jsonl", io.BytesIO(ROW))
    assert list(tmp_path.iterdir()) == []


def test_a_sample_can_be_looked_into(tmp_path: Path) -> None:
    summary = DatasetLibrary(tmp_path, 10).inspect(DatasetChoice(path="sample:demo.jsonl"), tmp_path)
    assert summary.num_rows >= 100
    assert summary.num_problems == 0


@given(name=st.text(max_size=60) | st.text(alphabet="./\\ab", max_size=30).map(lambda stem: stem + ".csv"))
def test_no_name_leads_out_of_the_folder(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("uploads", numbered=True)
    try:
        stored = DatasetLibrary(folder, 1000).upload(name, io.BytesIO(ROW))
    except UploadRefused:
        assert list(folder.iterdir()) == []
        return
    path = Path(stored.path)
    assert path.resolve().is_relative_to(folder.resolve())
    assert len(path.relative_to(folder).parts) == 2
    assert PurePosixPath(stored.name).name == stored.name


def test_who_wants_to_know_hears_of_what_is_new_and_of_nothing_else(tmp_path: Path) -> None:
    told: list[str] = []
    library = DatasetLibrary(tmp_path, 1000)
    library.on_change = lambda: told.append("changed")
    library.upload("a.jsonl", io.BytesIO(ROW))
    library.upload("b.jsonl", io.BytesIO(ROW))
    with pytest.raises(UploadRefused):
        library.upload("c.jsonl", io.BytesIO(b""))
    assert told == ["changed"]


def test_a_note_beside_somebody_elses_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / ".origin-a.jsonl.json").write_text('{"what": "not ours"}')
    assert DatasetLibrary(tmp_path / "datasets", 1000).origin(str(tmp_path / "a.jsonl")) == {}
