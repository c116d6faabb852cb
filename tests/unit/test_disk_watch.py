"""Whether a disk has the room that is to stay free."""

from pathlib import Path

from backend.services.disk_watch import DiskWatch, Shortage


def test_a_disk_is_short_of_room_below_what_is_to_stay_free(tmp_path: Path) -> None:
    asked: list[Path] = []
    watch = DiskWatch(tmp_path, lambda folder: asked.append(folder) or 99, 100)
    assert watch.shortage() == Shortage(99, 100)
    assert asked == [tmp_path]
    assert DiskWatch(tmp_path, lambda _: 100, 100).shortage() is None
