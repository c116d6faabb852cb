"""A TensorBoardProbe that answers what it was told, and records what it was asked."""

from pathlib import Path


class FakeTensorBoards:
    def __init__(self) -> None:
        self.ports = list(range(5001, 5100))
        self.answering: dict[int, Path] = {}
        self.taken: set[int] = set()
        self.looked_at: set[int] = set()
        self.has_package = True
        self.has_data_server = True

    def is_answering(self, port: int, token: str, folder: Path) -> bool:  # noqa: ARG002
        return self.answering.get(port) == folder

    def free_port(self) -> int:
        return self.ports.pop(0)

    def is_free(self, port: int) -> bool:
        return port not in self.taken

    def is_looked_at(self, pid: int, port: int) -> bool:  # noqa: ARG002
        return port in self.looked_at

    def is_installed(self) -> bool:
        return self.has_package

    def is_fast(self) -> bool:
        return self.has_data_server
