"""Files of strangers are read within bounds, and lines are added without losing any."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.run_directory import RunDirectory
from backend.services.dataset_versions import MOST_BYTES, recorded_fingerprint
from backend.store.base_model_facts import MOST_JSON_BYTES, model_facts
from backend.store.files import FileTooLarge, append_line, read_bounded, read_lines
from backend.store.rebuilding import is_complete_adapter


def huge(path: Path, num_bytes: int) -> Path:
    """A file without blocks on the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(num_bytes)
    return path


def test_a_file_of_just_the_size_is_read_and_one_byte_more_is_an_error_with_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("12345")
    assert read_bounded(path, 5) == "12345"
    with pytest.raises(FileTooLarge, match="larger than 4 bytes"):
        read_bounded(path, 4)


def test_a_pipe_that_never_ends_and_a_folder_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError):  # noqa: PT011 - of several kinds
            read_bounded(path, 10)


def test_a_model_a_run_and_an_adapter_with_endless_files_tell_nothing(tmp_path: Path) -> None:
    huge(tmp_path / "config.json", MOST_JSON_BYTES + 1)
    assert model_facts(tmp_path) is None
    run = RunDirectory(tmp_path / "run")
    huge(run.checkpoints / "checkpoint-3" / "progress.json", MOST_BYTES + 1)
    huge(run.adapter / "README.md", MOST_BYTES + 1)
    assert recorded_fingerprint(run) == ""
    os.mkfifo(run.adapter / "adapter_config.json")
    assert not is_complete_adapter(run.adapter)


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(0, 4)), max_size=8))
def test_added_lines_are_all_there_whatever_was_torn_before(added: list[tuple[str, int]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "below" / "lines"
        for text, torn in added:
            append_line(path, json.dumps(text), 0o600)
            if torn:
                with path.open("ab") as file:
                    file.write(json.dumps("ä" * torn, ensure_ascii=False).encode()[: 2 * torn])  # a cut in a letter
        found = [line for line in read_lines(path) if line.endswith('"') and line.startswith('"')]
        assert [json.loads(line) for line in found] == [text for text, _ in added]
        assert not added or path.stat().st_mode & 0o777 == 0o600
