"""Small files are replaced whole, and checkpoints are trusted only as they were sealed."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.store.checkpoints import MANIFEST, Checkpoint, damage, sealed, write_manifest_text
from backend.store.files import read_text, replace_text


def test_a_file_is_replaced_without_a_trace_of_the_temporary_one(tmp_path: Path) -> None:
    replace_text(tmp_path / "file", "old")
    replace_text(tmp_path / "file", "new ü")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new ü"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_replacement_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_text(tmp_path / "file", "old")

    def no_room(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backend.store.files.os.fsync", no_room)
    with pytest.raises(OSError, match="No space"):
        replace_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_what_is_missing_or_no_text_reads_as_none(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "file").write_bytes(content)
    assert read_text(tmp_path / "file") is None
    assert read_text(tmp_path) is None


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("text") / "file"
    replace_text(path, text)
    assert read_text(path) == text


def seal(folder: Path, step: int) -> Checkpoint:
    (folder / "inner").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(bytes(range(256)))
    (folder / "inner" / "state.json").write_text("{}")
    (folder / MANIFEST).write_text(write_manifest_text(folder, step))
    return Checkpoint(step, folder)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return seal(tmp_path / "checkpoint-40", 40)


def test_sealed_checkpoints_are_found_newest_first(tmp_path: Path) -> None:
    made = {step: seal(tmp_path / f"checkpoint-{step}", step) for step in (5, 100, 20)}
    (tmp_path / "checkpoint-200").mkdir()
    (tmp_path / "checkpoint-x").mkdir()
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "checkpoint-300").symlink_to(tmp_path / "checkpoint-100")
    assert sealed(tmp_path) == [made[100], made[20], made[5]]
    assert sealed(tmp_path / "missing") == []


def test_a_checkpoint_as_it_was_sealed_has_no_damage(checkpoint: Checkpoint) -> None:
    assert damage(checkpoint) is None


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


DAMAGES = {
    "a flipped bit": (lambda folder: flip(folder / "weights.bin"), "weights.bin is not as it was written"),
    "a cut file": (
        lambda folder: (folder / "weights.bin").write_bytes(b"x"),
        "weights.bin is not as it was written",
    ),
    "a missing file": (lambda folder: (folder / "inner" / "state.json").unlink(), "state.json is missing"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "cannot be read"),
    "a torn manifest": (lambda folder: (folder / MANIFEST).write_text('{"step": 40'), "cannot be read"),
    "a manifest of another shape": (lambda folder: (folder / MANIFEST).write_text("[]"), "cannot be read"),
    "the manifest of another step": (
        lambda folder: (folder / MANIFEST).write_text(write_manifest_text(folder, 41)),
        "another step",
    ),
    "a manifest of nothing": (
        lambda folder: (folder / MANIFEST).write_text(json.dumps({"step": 40, "files": {}})),
        "another step",
    ),
    "a manifest that names a file outside": (
        lambda folder: (folder / MANIFEST).write_text(
            json.dumps({"step": 40, "files": {"../../etc/passwd": {"bytes": 1, "sha256": ""}}})
        ),
        "outside",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_found_and_named(checkpoint: Checkpoint, name: str) -> None:
    spoil, words = DAMAGES[name]
    spoil(checkpoint.path)
    assert words in (damage(checkpoint) or "")


@given(st.data())
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    checkpoint = seal(tmp_path_factory.mktemp("checkpoints") / "checkpoint-1", 1)
    name = data.draw(st.sampled_from(["weights.bin", "inner/state.json"]))
    content = bytearray((checkpoint.path / name).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (checkpoint.path / name).write_bytes(bytes(content))
    assert damage(checkpoint) is not None


def test_an_unreadable_checkpoint_is_damaged(checkpoint: Checkpoint) -> None:
    (checkpoint.path / "weights.bin").unlink()
    (checkpoint.path / "weights.bin").mkdir()
    assert stat.S_ISDIR((checkpoint.path / "weights.bin").stat().st_mode)
    assert damage(checkpoint) == "weights.bin is missing"
