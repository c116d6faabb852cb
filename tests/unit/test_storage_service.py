"""What the workspace takes up."""

from pathlib import Path

from backend.services.storage import StorageService


def usage(workspace: Path) -> dict[str, tuple[int, int]]:
    return {part.name: (part.num_files, part.size_bytes) for part in StorageService(workspace).usage()}


def test_a_workspace_that_does_not_exist_takes_nothing(tmp_path: Path) -> None:
    assert set(usage(tmp_path / "nowhere").values()) == {(0, 0)}


def test_files_count_where_they_lie_and_once(tmp_path: Path) -> None:
    for path, size in (("runs/a/run.yaml", 10), ("runs/a/checkpoints/c-1/w", 90), ("trash/b", 5), ("studio.db", 7)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x" * size)
    found = usage(tmp_path)
    assert found["Runs"] == (2, 100)
    assert found["Trash"] == (1, 5)
    assert found["Store"] == (1, 7)
    assert found["Uploads"] == (0, 0)


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "large").write_bytes(b"x" * 10_000)
    runs = tmp_path / "workspace" / "runs"
    runs.mkdir(parents=True)
    (runs / "link").symlink_to(elsewhere)
    (runs / "dangling").symlink_to(tmp_path / "nothing")
    assert usage(tmp_path / "workspace")["Runs"][1] < 1_000
