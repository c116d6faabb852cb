"""A program of one question as services ask it: an order goes in, one JSON document comes out, and it is ended."""

import json
import signal
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from backend.domain.line_program import LineChild, LineProgram
from backend.domain.ports import Clock
from backend.errors import Explanation, ProcessError

LISTEN_SECONDS = 0.5
SEND_SECONDS = 30.0
PROGRESS = '{"progress":'
Answer = TypeVar("Answer")
Say = Callable[[str], None]


class ProgramUnanswered(ProcessError):
    """A program gave no answer; speaks for the program, with its id, if that has explained itself."""

    id = "program-unanswered"
    what = "A program of the studio gave no answer."
    why = "The program {ending}. The last line of its log: {last_words}"
    fix = "Look into the logs folder of the workspace, and try again."

    def __init__(self, explanation: Explanation | None = None, exit_code: int | None = None, **data: object) -> None:
        self._explanation = explanation
        if exit_code is not None:
            self.exit_code = exit_code  # type: ignore[misc] # the program's own
        super().__init__(**data)

    def explain(self) -> Explanation:
        """The program's own explanation if there is one."""
        return self._explanation or super().explain()


def silent(_said: str) -> None:
    """For those who do not want to hear how far it is."""


class OneQuestion:
    """How one program is asked. It is a new one for each question, and is ended when it has answered.

    `failure` is what is raised where it gives no answer within `patience_seconds`. It is given `grace_seconds` to
    leave by itself when nobody wants its answer any more.
    """

    def __init__(
        self,
        program: LineProgram,
        clock: Clock,
        failure: type[ProgramUnanswered],
        *,
        patience_seconds: float,
        grace_seconds: float = 0.0,
    ) -> None:
        self._program = program
        self._clock = clock
        self._failure = failure
        self._patience_seconds = patience_seconds
        self._grace_seconds = grace_seconds

    def ask(
        self, order: str, read: Callable[[Mapping[str, Any]], Answer], say: Say = silent, *, is_offline: bool
    ) -> Answer:
        """What `read` makes of the document. With `is_offline` the program may not ask the hub.

        `say` hears how far it is, about every LISTEN_SECONDS; what it raises ends the program and is passed on.
        Raises the failure, which may speak for the program.
        """
        try:
            child = self._program.start(_environment(is_offline=is_offline))
        except OSError as error:
            raise self._failure(ending=f"could not be started: {error.strerror or error}", last_words="") from error
        try:
            return self._answer(child, order, read, say)
        finally:
            child.end(self._grace_seconds)

    def _answer(self, child: LineChild, order: str, read: Callable[[Mapping[str, Any]], Answer], say: Say) -> Answer:
        try:
            child.send(order, SEND_SECONDS)
            document = json.loads(self._heard(child, say))
            if "error" in document:
                raise self._failure(Explanation(**document["error"]), int(document["exit_code"]))
            return read(document)
        except (BrokenPipeError, ValueError, KeyError, TypeError, ValidationError) as error:
            raise self._failure(ending=_ending(child.exit_code), last_words=child.last_words()) from error
        except TimeoutError as error:
            ending = f"was ended after {self._patience_seconds:g} seconds"
            raise self._failure(ending=ending, last_words=child.last_words()) from error

    def _heard(self, child: LineChild, say: Say) -> str:
        """Everything until the end: a long document comes in several pieces. Raises TimeoutError."""
        pieces: list[str] = []
        said = ""
        deadline = self._clock.monotonic() + self._patience_seconds
        while self._clock.monotonic() < deadline:
            try:
                piece = child.receive(LISTEN_SECONDS) or ""
            except EOFError:
                return "".join(pieces)
            if piece.startswith(PROGRESS) and not pieces:
                said = str(json.loads(piece)["progress"])
            elif piece:
                pieces.append(piece)
            say(said)
        raise TimeoutError


def _ending(code: int | None) -> str:
    killed = ", as when the system kills it for want of memory" if code == -signal.SIGKILL else ""
    return f"ended with code {code}{killed}"


def _environment(*, is_offline: bool) -> dict[str, str]:
    quiet = {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONSAFEPATH": "1",  # files in the workspace are no modules
    }
    return {**quiet, "HF_HUB_OFFLINE": "1"} if is_offline else quiet
