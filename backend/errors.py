"""StudioError and its families: every error says what happened, why, and what to do, and has an id."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from string import Formatter
from typing import ClassVar

EXIT_USAGE = 64
EXIT_DATA = 65
EXIT_UNAVAILABLE = 69
EXIT_SOFTWARE = 70
EXIT_IO = 74
EXIT_CHECKPOINTED = 75
EXIT_CONFIGURATION = 78


class Action(StrEnum):
    """What a person is offered beside an error, to do at once; the dashboard has a button for each."""

    TRY_AGAIN = "try-again"
    OPEN_RUN = "open-run"
    OPEN_RUNS = "open-runs"
    OPEN_DATASETS = "open-datasets"
    OPEN_MODELS = "open-models"
    OPEN_MACHINE = "open-machine"
    OPEN_SETTINGS = "open-settings"


@dataclass(frozen=True, slots=True)
class Explanation:
    """An error as a person reads it; `at` is a UTC ISO-8601 time."""

    id: str
    what: str
    why: str
    fix: str
    at: str

    def sentence(self) -> str:
        """Everything in one line, for logs, journals and terminals."""
        return f"{self.what} {self.why} {self.fix} [{self.id}]"


class StudioError(Exception):
    """The base of all errors that a person may see.

    A subclass sets `id`, `what`, `why` and `fix`; the last three may name data in braces, which the raiser
    passes as keywords: `raise DatasetEmpty(path=path)`. `exit_code` is what a program ends with (sysexits.h).
    `action` is the way out that can be offered as a button; a subclass has that of its family.
    """

    id: ClassVar[str] = "studio-error"
    what: ClassVar[str] = "Something went wrong."
    why: ClassVar[str] = "The program met a condition that it does not know."
    fix: ClassVar[str] = "Look into the log, and report it with the id and the time."
    exit_code: ClassVar[int] = EXIT_SOFTWARE
    action: ClassVar[Action | None] = None

    def __init__(self, **data: object) -> None:
        self.data = data
        self.at = datetime.now(UTC).isoformat(timespec="seconds")
        super().__init__(self.explain().sentence())

    def explain(self) -> Explanation:
        """Fill the three sentences with the data of this error."""
        what, why, fix = (_fill(text, self.data) for text in (self.what, self.why, self.fix))
        return Explanation(self.id, what, why, fix, self.at)


class _Lenient(Formatter):
    """Names that were not given stay visible instead of raising a second error inside the first."""

    def get_value(self, key: int | str, args: object, kwargs: object) -> object:  # noqa: ARG002 - signature of Formatter
        """Return the value or the name in braces."""
        assert isinstance(kwargs, dict)
        return kwargs.get(key, f"{{{key}}}")

    def format_field(self, value: object, format_spec: str) -> str:
        """Format, or show as it is what does not have that format."""
        try:
            return str(super().format_field(value, format_spec))
        except (ValueError, TypeError):
            return str(value)


def _fill(text: str, data: dict[str, object]) -> str:
    return _Lenient().vformat(text, (), data)


class UsageError(StudioError):
    """A command or a call that cannot be meant; not worth retrying."""

    id = "usage"
    exit_code = EXIT_USAGE


class DataError(StudioError):
    """A dataset that cannot be trained on as it is; not worth retrying."""

    id = "data"
    exit_code = EXIT_DATA
    action: ClassVar[Action | None] = Action.OPEN_DATASETS


class ConfigurationError(StudioError):
    """A RunConfig or Settings that cannot work; not worth retrying."""

    id = "configuration"
    exit_code = EXIT_CONFIGURATION


class NotFoundError(StudioError):
    """Something that was named does not exist."""

    id = "not-found"
    exit_code = EXIT_USAGE


class ProcessError(StudioError):
    """A program that could not be started, found or ended."""

    id = "process"
    exit_code = EXIT_UNAVAILABLE


class StorageError(StudioError):
    """A database, disk or folder that does not take or give what it should."""

    id = "storage"
    exit_code = EXIT_IO


class TrainingError(StudioError):
    """Training itself went wrong; the diagnosis says whether another attempt is worth it."""

    id = "training"


# The names that the first requirements gave to these families.
GemmaUIException = StudioError
TrainingException = TrainingError
ConfigurationException = ConfigurationError
ProcessException = ProcessError
