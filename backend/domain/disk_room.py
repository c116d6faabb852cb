"""Room on a disk against what a run needs next. Pure."""

from dataclasses import dataclass

DISK_FULL_ID = "disk-full"
DISK_FULL_IDS = frozenset({DISK_FULL_ID, "model-disk-full", "dataset-hub-disk-full"})
MAKE_ROOM = "Make room on the disk, then resume the run."
_FEW_MEGABYTES = 100


@dataclass(frozen=True, slots=True)
class Room:
    """`needed_bytes` is for the next checkpoint beside those that are kept, and what must stay free anyway."""

    free_bytes: int
    needed_bytes: int

    @property
    def missing_bytes(self) -> int:
        """How much has to be freed; 0 if there is room."""
        return max(0, self.needed_bytes - self.free_bytes)

    @property
    def is_short(self) -> bool:
        """Whether the next checkpoint may not fit."""
        return self.missing_bytes > 0

    def sentence(self) -> str:
        """The three figures, without a full stop."""
        return (
            f"{megabytes(self.missing_bytes)} are missing: the disk has {megabytes(self.free_bytes)} free, "
            f"and the next checkpoint needs {megabytes(self.needed_bytes)} with what is to stay free"
        )


def megabytes(num_bytes: int) -> str:
    """A size for a sentence: tenths of a megabyte below 100 MB, else whole ones."""
    size = num_bytes / 1e6
    return f"{size:,.1f} MB" if size < _FEW_MEGABYTES else f"{size:,.0f} MB"
