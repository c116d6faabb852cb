"""FileGlimpses: what can be told of event files without reading them whole."""

from pathlib import Path

from backend.domain.curve_glimpses import LastPoints, Preview
from backend.event_files.preview import preview
from backend.event_files.tail import TailReader


class FileGlimpses:
    """The CurveGlimpses of folders of event files. Safe from any thread."""

    def __init__(self) -> None:
        self._tails = TailReader()

    def last_points(self, folder: Path) -> LastPoints:
        """By tail reads: what a full reading would tell last of each tag."""
        return self._tails.of_folder(folder)

    def preview(self, folder: Path) -> Preview:
        """By random access."""
        return preview(folder)
