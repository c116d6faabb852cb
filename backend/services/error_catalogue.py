"""ErrorCatalogue: every error of the studio by its id, as docs, command line, HTTP and pages tell it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

from backend.errors import NotFoundError, StudioError

FILE = Path(__file__).resolve().parents[2] / "config" / "errors.json"
OWN_PACKAGES = ("app", "backend")


class ErrorNotKnown(NotFoundError):
    """No error has that id. Data: `error_id`, `similar`."""

    id = "error-not-known"
    what = "There is no error {error_id}."
    why = "No error of this version has that id; similar ones: {similar}."
    fix = "Look at all of them: peft-studio explain"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A kind of error. Words in braces are filled in when it happens; `action` is "" if none is offered.

    `family` is the id of the kind that it belongs to, `exit_code` what a program ends with.
    """

    id: str
    what: str
    why: str
    fix: str
    family: str
    exit_code: int
    action: str

    @property
    def page(self) -> str:
        """Where the documentation tells it."""
        return f"docs/troubleshooting.md#{self.id}"

    def to_json(self) -> dict[str, object]:
        """The shape of GET /api/errors/{id}."""
        return {**asdict(self), "page": self.page}


def entry_of(kind: type[StudioError]) -> CatalogueEntry:
    """What the catalogue says about a class."""
    parent = kind.__mro__[1]
    family = parent.id if issubclass(parent, StudioError) else ""
    return CatalogueEntry(
        kind.id, kind.what, kind.why, kind.fix, family, kind.exit_code, kind.action.value if kind.action else ""
    )


def known_kinds() -> Sequence[type[StudioError]]:
    """The kinds of error in the modules that this process has imported, by id."""
    every: tuple[type[StudioError], ...] = (StudioError, *_below(StudioError))
    found = {kind for kind in every if "id" in vars(kind)}
    return sorted(found, key=lambda kind: kind.id)


def is_own(kind: type[StudioError]) -> bool:
    """Whether a kind ships with the studio; those of plugins do not."""
    return kind.__module__.partition(".")[0] in OWN_PACKAGES


class ErrorCatalogue:
    """The kinds that ship with the studio come from a file: most live in programs that are not imported here.

    Those of plugins are added as far as they are imported.
    """

    def all(self) -> Sequence[CatalogueEntry]:
        """Every entry, by id."""
        plugins = {kind.id: entry_of(kind) for kind in known_kinds() if not is_own(kind)}
        return sorted((plugins | self._shipped).values(), key=lambda entry: entry.id)

    def find(self, error_id: str) -> CatalogueEntry:
        """One of them. Raises ErrorNotKnown, with ids that look alike."""
        entries = {entry.id: entry for entry in self.all()}
        if error_id not in entries:
            similar = get_close_matches(error_id, entries, n=3, cutoff=0.5)
            raise ErrorNotKnown(error_id=error_id, similar=", ".join(similar) or "none")
        return entries[error_id]

    @cached_property
    def _shipped(self) -> dict[str, CatalogueEntry]:
        return {each["id"]: CatalogueEntry(**each) for each in json.loads(FILE.read_text(encoding="utf-8"))}


def _below(kind: type[StudioError]) -> Iterator[type[StudioError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
