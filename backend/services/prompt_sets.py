"""PromptSets: named lists of prompts, those that ship with the studio and people's own; and what became of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from backend.domain.prompt_lists import checked, from_yaml
from backend.domain.prompt_results import Answered, PromptResult, Vote, with_lines
from backend.services.chat_errors import ConversationNotKept, PromptSetMissing, PromptSetRefused
from backend.store import trash
from backend.store.files import append_line, read_lines, read_text, replace_text
from config.yaml_files import dump_yaml

ADDED = ".jsonl"  # beside a result: answers and votes, a line each
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PromptFolders:
    """Where people's sets and results lie, and where they go when they are deleted."""

    sets: Path
    results: Path
    trash: Path


class PromptSets:
    """Holds no state. Files are replaced whole; deleted ones go to the trash."""

    def __init__(self, shipped: Mapping[str, Path], folders: PromptFolders) -> None:
        self._shipped = shipped
        self._folders = folders

    def names(self) -> tuple[str, ...]:
        """Own ones first, then those that ship with the studio."""
        own = sorted(path.stem for path in self._folders.sets.glob("*.yaml") if NAME.fullmatch(path.stem))
        return (*own, *(name for name in self._shipped if name not in own))

    def is_own(self, name: str) -> bool:
        """Whether a person made it, so that it can be changed and deleted."""
        return NAME.fullmatch(name) is not None and self._path(name).is_file()

    def read(self, name: str) -> tuple[str, ...]:
        """The prompts. Raises PromptSetMissing."""
        path = self._path(name) if self.is_own(name) else self._shipped.get(name)
        try:
            return from_yaml(read_text(path) or "") if path is not None else ()
        except ValueError as error:
            raise PromptSetMissing(name=name) from error

    def write(self, name: str, prompts: Sequence[str]) -> None:
        """Keep a set, in place of one's own of that name. Raises PromptSetRefused, ConversationNotKept."""
        if not NAME.fullmatch(name):
            raise PromptSetRefused(reason="A name has lower-case letters, digits and hyphens, up to 64")
        if name in self._shipped:
            raise PromptSetRefused(reason=f"A set called {name} ships with the studio")
        try:
            text = dump_yaml({"prompts": list(checked(prompts))})
        except ValueError as error:
            raise PromptSetRefused(reason=error) from error
        self._replace(self._path(name), text)

    def delete(self, name: str) -> None:
        """Move one's own set to the trash. Raises PromptSetMissing, ConversationNotKept."""
        if not self.is_own(name):
            raise PromptSetMissing(name=name)
        self._throw(self._path(name))

    def results(self) -> tuple[str, ...]:
        """The ids of all results, newest first."""
        found = [path.stem for path in self._folders.results.glob("*.json") if NAME.fullmatch(path.stem)]
        return tuple(sorted(found, reverse=True))

    def result(self, result_id: str) -> PromptResult:
        """What the models answered. Raises PromptSetMissing."""
        path = self._result_path(result_id)
        try:
            result = PromptResult.model_validate_json(read_text(path) or "")
        except ValidationError as error:
            raise PromptSetMissing(name=result_id) from error
        return with_lines(result, read_lines(path.with_suffix(ADDED)))

    def keep(self, result: PromptResult) -> None:
        """Keep a new result. Raises ConversationNotKept."""
        self._replace(self._result_path(result.id), result.model_dump_json())

    def add(self, result_id: str, added: Answered | Vote) -> None:
        """Add an answer or a vote to a result, in one write. Raises PromptSetMissing, ConversationNotKept."""
        path = self._result_path(result_id)
        if not path.is_file():
            raise PromptSetMissing(name=result_id)
        try:
            append_line(path.with_suffix(ADDED), added.model_dump_json(), mode=0o600)
        except OSError as error:
            raise ConversationNotKept(folder=path.parent, reason=error.strerror or error) from error

    def delete_result(self, result_id: str) -> None:
        """Move a result to the trash. Raises PromptSetMissing, ConversationNotKept."""
        path = self._result_path(result_id)
        if not path.is_file():
            raise PromptSetMissing(name=result_id)
        self._throw(path)
        if (added := path.with_suffix(ADDED)).is_file():
            self._throw(added)

    def _path(self, name: str) -> Path:
        return self._folders.sets / f"{name}.yaml"

    def _result_path(self, result_id: str) -> Path:
        if not NAME.fullmatch(result_id):
            raise PromptSetMissing(name=result_id[:80])
        return self._folders.results / f"{result_id}.json"

    def _replace(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_text(path, text, mode=0o600)
        except OSError as error:
            raise ConversationNotKept(folder=path.parent, reason=error.strerror or error) from error

    def _throw(self, path: Path) -> None:
        try:
            trash.put(path, self._folders.trash, path.stem, path.suffix)
        except OSError as error:
            raise ConversationNotKept(folder=self._folders.trash, reason=error.strerror or error) from error
