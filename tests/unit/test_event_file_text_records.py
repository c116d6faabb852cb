"""Texts of event files: as the trainer and torch write them, whole or gone, never a failure."""

from pathlib import Path

import pytest

from backend.domain.curves import Kind, Other, Place
from backend.event_files.folder import EventFolder
from backend.event_files.texts import texts
from backend.trainer.curves import EventFile


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file = EventFile(tmp_path / "events", first_step=0)
    file.add(1, {"train/loss": 1.0})
    for step, text in ((0, "> Hi\n\nä\0b"), (10, ""), (20, "x" * 100_000)):
        file.add_text(step, {"samples/1": text, "samples/2": "other"})
    file.close()
    return tmp_path / "events"


def test_texts_are_read_as_they_were_written(folder: Path) -> None:
    other = EventFolder(folder).read().others["samples/1"]
    assert other.kind is Kind.TEXT
    assert list(texts(folder, other)) == [(0, "> Hi\n\nä\0b"), (10, ""), (20, "x" * 100_000)]


def test_a_file_that_is_gone_or_was_cut_has_no_texts(folder: Path) -> None:
    other = EventFolder(folder).read().others["samples/1"]
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes()[: other.places[1].offset])
    assert list(texts(folder, other)) == [(0, "> Hi\n\nä\0b")]
    path.unlink()
    assert list(texts(folder, other)) == []


def test_a_place_of_any_size_is_no_failure(folder: Path) -> None:
    (path,) = folder.iterdir()
    for offset, length in ((0, 10), (7, 2**40), (2**40, 5), (20, 0)):
        assert list(texts(folder, Other("samples/1", Kind.TEXT, (Place(path.name, offset, length, 1, 0.0),)))) == []
