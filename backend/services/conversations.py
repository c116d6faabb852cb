"""Conversations: what was asked and answered in Chat, one small file per subject, and one step back."""

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from backend.domain.chat_sides import Subject
from backend.domain.conversation import Conversation
from backend.services.chat_errors import ConversationNotKept
from backend.store import trash
from backend.store.files import read_text, replace_text

MOST_IN_MEMORY = 32
_Stamp = tuple[int, int]


class Conversations:
    """Safe from any thread. Files are replaced whole; what cannot be read is put aside, not overwritten."""

    def __init__(self, folder: Path, trash_folder: Path) -> None:
        self._folder = folder
        self._trash_folder = trash_folder
        self._lock = threading.RLock()
        self._read: OrderedDict[Path, tuple[_Stamp, Conversation]] = OrderedDict()

    def load(self, subject: Subject) -> Conversation:
        """The conversation about a subject; an empty one if there is none."""
        path = self._path(subject)
        with self._lock:
            try:
                seen = path.stat()
            except OSError:
                return Conversation()
            stamp = (seen.st_mtime_ns, seen.st_size)
            known = self._read.get(path)
            if known is None or known[0] != stamp:
                known = (stamp, self._parsed(path))
                self._read[path] = known
            self._read.move_to_end(path)
            if len(self._read) > MOST_IN_MEMORY:
                self._read.popitem(last=False)
            return known[1]

    def change(self, subject: Subject, change: Callable[[Conversation], Conversation]) -> Conversation:
        """Change it, durably. Raises ConversationNotKept."""
        with self._lock:
            old = self.load(subject)
            new = change(old)
            if new != old:
                self._write(self._path(subject), new)
            return new

    def clear(self, subject: Subject) -> None:
        """Empty it; `undo` brings it back. What was cleared before goes to the trash. Raises ConversationNotKept."""
        with self._lock, _kept(self._folder):
            if self.load(subject).turns:
                path, cleared = self._path(subject), self._cleared(subject)
                if cleared.is_file():
                    trash.put(cleared, self._trash_folder, f"chat-{path.stem}", path.suffix)
                path.replace(cleared)

    def undo(self, subject: Subject) -> None:
        """Bring back what was cleared last, in place of what was asked since. Raises ConversationNotKept."""
        with self._lock, _kept(self._folder):
            if self.can_undo(subject):
                self._cleared(subject).replace(self._path(subject))

    def can_undo(self, subject: Subject) -> bool:
        """Whether something was cleared and nothing was asked since."""
        return not self.load(subject).turns and self._cleared(subject).is_file()

    def _path(self, subject: Subject) -> Path:
        if subject.run_id is not None:
            return self._folder / f"run-{subject.run_id}.json"
        return self._folder / f"model-{hashlib.sha256(subject.key.encode()).hexdigest()[:24]}.json"

    def _cleared(self, subject: Subject) -> Path:
        return self._path(subject).with_suffix(".cleared")

    def _parsed(self, path: Path) -> Conversation:
        try:
            return Conversation.model_validate_json(read_text(path) or "")
        except ValidationError:
            logging.getLogger(__name__).warning("the conversation %s cannot be read and was put aside", path)
            path.replace(path.with_suffix(".damaged"))
            return Conversation()

    def _write(self, path: Path, conversation: Conversation) -> None:
        with _kept(self._folder):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_text(path, conversation.model_dump_json(), mode=0o600)


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Failures of the disk as a ConversationNotKept."""
    try:
        yield
    except OSError as error:
        raise ConversationNotKept(folder=folder, reason=error.strerror or error) from error
