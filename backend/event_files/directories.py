"""find_runs: which folders of a log directory hold event files."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from backend.domain.found_runs import FoundRun, FoundRuns, Remark, RemarkKind
from backend.event_files.listing import readable

MAX_DEPTH = 32
MAX_RUNS = 20_000
MAX_FOLDERS = 200_000
_MAX_ENTRIES = 200_000  # of one folder
_MAX_REMARKS = 100
_TEXTS = {
    RemarkKind.MISSING: "{name} is no folder that is there.",
    RemarkKind.NOT_ALLOWED: "{name} may not be read: {reason}.",
    RemarkKind.LINK_OUT: "{name} is a link out of the log directory and was not followed.",
    RemarkKind.TOO_DEEP: "{name} lies deeper than {limit} folders and was not looked into.",
    RemarkKind.TOO_MANY: "Only {limit} were looked at, not {name} and what comes after it.",
}


def find_runs(
    root: Path,
    *,
    may_leave: bool = False,
    max_depth: int = MAX_DEPTH,
    max_runs: int = MAX_RUNS,
    max_folders: int = MAX_FOLDERS,
) -> FoundRuns:
    """Every folder in or below `root` that holds a file whose name contains "tfevents", as TensorBoard finds them.

    Nothing is written or opened. Each folder is entered once, so circles of links end; a link to what lies in the
    directory anyway adds nothing. Links that lead out of it are followed only if it `may_leave`. Never raises
    OSError: what could not be looked at is among the remarks.
    """
    search = _Search(root, may_leave=may_leave, max_depth=max_depth, max_runs=max_runs, max_folders=max_folders)
    search.go()
    runs = sorted(search.runs, key=lambda run: (run.name != ".", run.name))
    return FoundRuns(tuple(runs), tuple(search.remarks), search.num_more_remarks)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder to look into; `name` is its path inside the root."""

    path: str
    name: str
    depth: int


class _Search:
    """Real folders first, then links, so that a run has the name of its real place."""

    def __init__(self, root: Path, *, may_leave: bool, max_depth: int, max_runs: int, max_folders: int) -> None:
        self._root = os.fspath(root)
        self._real_root = ""
        self._may_leave = may_leave
        self._max_depth, self._max_runs, self._max_folders = max_depth, max_runs, max_folders
        self._folders: deque[_Folder] = deque()
        self._links: deque[_Folder] = deque()
        self._entered: set[tuple[int, int]] = set()  # device and inode
        self.runs: list[FoundRun] = []
        self.remarks: list[Remark] = []
        self.num_more_remarks = 0

    def go(self) -> None:
        """Look into everything."""
        self._real_root = os.path.realpath(self._root)
        if not Path(self._real_root).is_dir():
            self._remark(RemarkKind.MISSING, self._root)
            return
        self._folders.append(_Folder(self._real_root, "", 0))
        while self._folders or self._links:
            folder = (self._folders or self._links).popleft()
            if len(self._entered) >= self._max_folders or len(self.runs) >= self._max_runs:
                what = f"{len(self._entered)} folders" if len(self.runs) < self._max_runs else f"{len(self.runs)} runs"
                self._remark(RemarkKind.TOO_MANY, folder.name, limit=what)
                return
            self._enter(folder)

    def _enter(self, folder: _Folder) -> None:
        try:
            status = os.stat(folder.path)  # noqa: PTH116 - a Path for each of many folders costs more than the rest
            if (status.st_dev, status.st_ino) in self._entered:
                return
            self._entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder.path) as found:
                entries = sorted(islice(found, _MAX_ENTRIES), key=lambda entry: entry.name)
        except FileNotFoundError:  # it was removed meanwhile
            return
        except OSError as error:
            self._remark(RemarkKind.NOT_ALLOWED, folder.name, reason=error.strerror)
            return
        if len(entries) == _MAX_ENTRIES:
            self._remark(RemarkKind.TOO_MANY, folder.name, limit=f"{_MAX_ENTRIES} names in a folder")
        files = [file for entry in entries for file in self._file(folder, entry)]
        if files:
            self.runs.append(_run(folder, files))

    def _file(self, folder: _Folder, entry: "os.DirEntry[str]") -> "Iterator[tuple[str, os.stat_result]]":
        """An event file with its status; what is a folder is left for later."""
        try:
            if entry.is_dir(follow_symlinks=False):
                self._plan(folder, entry.path, entry.name, self._folders)
            elif entry.is_symlink():
                yield from self._linked(folder, entry)
            elif _is_event_file(entry.name) and entry.is_file(follow_symlinks=False):
                yield entry.name, entry.stat(follow_symlinks=False)
        except OSError:  # it was removed meanwhile
            return

    def _linked(self, folder: _Folder, entry: "os.DirEntry[str]") -> "Iterator[tuple[str, os.stat_result]]":
        status = entry.stat()
        is_folder = stat.S_ISDIR(status.st_mode)
        if not is_folder and not (_is_event_file(entry.name) and stat.S_ISREG(status.st_mode)):
            return
        target = os.path.realpath(entry.path)
        if not self._may_leave and not _is_inside(target, self._real_root):
            self._remark(RemarkKind.LINK_OUT, _joined(folder, entry.name))
        elif is_folder:
            self._plan(folder, target, entry.name, self._links)
        else:
            yield entry.name, status

    def _plan(self, folder: _Folder, path: str, name: str, folders: deque[_Folder]) -> None:
        inside = _joined(folder, name)
        if folder.depth >= self._max_depth:
            self._remark(RemarkKind.TOO_DEEP, inside, limit=self._max_depth)
        else:
            folders.append(_Folder(path, inside, folder.depth + 1))

    def _remark(self, kind: RemarkKind, name: str, **data: object) -> None:
        if len(self.remarks) >= _MAX_REMARKS:
            self.num_more_remarks += 1
            return
        shown = readable(name) or "."
        self.remarks.append(Remark(kind, shown, _TEXTS[kind].format(name=shown, **data)))


def _run(folder: _Folder, files: "list[tuple[str, os.stat_result]]") -> FoundRun:
    return FoundRun(
        readable(folder.name) or ".",
        Path(folder.path),
        tuple(name for name, _ in files),
        sum(status.st_size for _, status in files),
        max(status.st_mtime for _, status in files),
    )


def _is_event_file(name: str) -> bool:
    return "tfevents" in name and not name.endswith(".profile-empty")  # the latter are markers of a profiler


def _is_inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)  # both are real paths


def _joined(folder: _Folder, name: str) -> str:
    return f"{folder.name}/{name}" if folder.name else name
