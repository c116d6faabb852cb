"""SystemFiles: small text files in which a kernel tells of itself (/proc, /sys), below a root."""

from pathlib import Path

MACHINE = Path("/")


class SystemFiles:
    """Reads what is there; what is absent or may not be read is empty. Tests put a machine's files below a root."""

    def __init__(self, root: Path = MACHINE) -> None:
        self.root = root

    @property
    def is_this_machine(self) -> bool:
        """Whether what the system calls say is about the same machine."""
        return self.root == MACHINE

    def text(self, path: str) -> str:
        """Without white space at its ends; "" if it cannot be read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace").strip()
        except (OSError, ValueError):
            return ""

    def number(self, path: str) -> int | None:
        """A file that holds one whole number, decimal or as 0x...; None for anything else."""
        try:
            return int(self.text(path), 0)
        except ValueError:
            return None

    def found(self, pattern: str) -> list[str]:
        """The paths of that pattern, sorted."""
        try:
            return sorted(str(path.relative_to(self.root)) for path in self.root.glob(pattern))
        except OSError:
            return []

    def fields(self, path: str) -> dict[str, str]:
        """A file of lines `name value` or `name: value`."""
        pairs = (line.replace(":", " ", 1).split(None, 1) for line in self.text(path).splitlines())
        return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}  # noqa: PLR2004 - a name and a value

    def count(self, path: str, name: str) -> int | None:
        """The whole number of a line `name number`; None if there is none."""
        told = self.fields(path).get(name, "")
        return int(told) if told.isdecimal() else None
