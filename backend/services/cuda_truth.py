"""CudaTruths: what torch itself says about the GPUs, asked in a short-lived program and remembered on disk."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from backend.domain.cuda_truth import Circumstances, CudaTruth, TorchSays
from backend.domain.line_program import LineChild, LineProgram
from backend.domain.ports import Clock
from backend.errors import Action, Explanation, ProcessError
from backend.store.files import read_text, replace_text

PATIENCE_SECONDS = 180.0  # a first import of torch from a slow disk, and a first touch of eight GPUs
SEND_SECONDS = 10.0
LISTEN_SECONDS = 0.5
MOST_REMEMBERED = 8


class TorchNotAsked(ProcessError):
    """The program that asks torch gave no answer."""

    id = "torch-not-asked"
    what = "torch could not be asked about the GPUs."
    why = "The program that asks it {ending}. {last_words}"
    fix = "Open Machine, look at the check of torch under Dependencies, and ask again. More is in logs/devices.log."
    action = Action.OPEN_MACHINE


@dataclass(frozen=True, slots=True)
class Asking:
    """What is known now: an answer that still holds, why there is none, and whether a program is at it.

    `is_open` says whether only torch can tell: there is an NVIDIA GPU, and a torch that was built for one.
    """

    truth: CudaTruth | None = None
    error: Explanation | None = None
    is_running: bool = False
    is_open: bool = False


class CudaTruths:
    """Thread-safe; one program at a time. Answers hold as long as the fingerprint of the circumstances is the same.

    `circumstances` are asked at each look, which takes milliseconds. `file` keeps the answers; it may be deleted.
    """

    def __init__(
        self, program: LineProgram, circumstances: Callable[[], Circumstances], file: Path, clock: Clock
    ) -> None:
        self._program = program
        self._circumstances = circumstances
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, CudaTruth] | None = None
        self._running: Future[None] | None = None
        self._failed: tuple[str, Explanation] | None = None

    def look(self) -> CudaTruth | None:
        """What torch said under these very circumstances; None if it was not asked. Starts nothing, never waits."""
        return self.state().truth

    def state(self) -> Asking:
        """The same, and whether somebody asks just now or could not."""
        circumstances = self._circumstances()
        now = circumstances.fingerprint
        with self._lock:
            error = self._failed[1] if self._failed and self._failed[0] == now else None
            return Asking(self._answers().get(now), error, self._running is not None, circumstances.is_open)

    def ask(self, wait_seconds: float = 0.0, *, again: bool = False) -> Asking:
        """With a program at work on what is not known yet, or `again` on what is; waits for it no longer than told.

        Who asks while somebody else does shares the answer.
        """
        now = self._circumstances().fingerprint
        with self._lock:
            is_known = now in self._answers() and not again
            if self._running is None and not is_known:
                self._running = Future()
                threading.Thread(target=self._work, args=(now, self._running), name="torch", daemon=True).start()
            running = self._running
        if running is not None and wait_seconds > 0:
            with suppress(TimeoutError):
                running.result(wait_seconds)
        return self.state()

    def _work(self, fingerprint: str, running: Future[None]) -> None:
        truth: CudaTruth | None = None
        failure: Explanation | None = None
        try:
            truth = self._asked()
        except TorchNotAsked as error:
            failure = error.explain()
        finally:
            with self._lock:
                self._failed = (fingerprint, failure) if failure else None
                if truth is not None:
                    self._remember(fingerprint, truth)
                self._running = None
            running.set_result(None)

    def _asked(self) -> CudaTruth:
        """Raises TorchNotAsked."""
        try:
            child = self._program.start({"PYTHONSAFEPATH": "1"})
        except OSError as error:
            raise TorchNotAsked(ending=f"could not be started: {error.strerror or error}", last_words="") from error
        try:
            child.send("", SEND_SECONDS)
            document = json.loads(self._heard(child))
            if "error" in document:
                raise TorchNotAsked(ending="could not import it", last_words=f"{document['error']}")
            said = TorchSays.model_validate(document["truth"])
        except TimeoutError as error:
            raise TorchNotAsked(
                ending=f"was ended after {PATIENCE_SECONDS:g} seconds", last_words=child.last_words()
            ) from error
        except (BrokenPipeError, ValueError, KeyError, TypeError, ValidationError) as error:
            ending = f"ended with code {child.exit_code}"
            raise TorchNotAsked(ending=ending, last_words=child.last_words()) from error
        finally:
            child.end(0)
        return CudaTruth(**said.model_dump(), asked_at=self._clock.now())

    def _heard(self, child: LineChild) -> str:
        """All that it says until its end. Raises TimeoutError."""
        pieces: list[str] = []
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        while self._clock.monotonic() < deadline:
            try:
                pieces.append(child.receive(LISTEN_SECONDS) or "")
            except EOFError:
                return "".join(pieces)
        raise TimeoutError

    def _answers(self) -> dict[str, CudaTruth]:
        """Read once; what another version of the studio wrote, or nobody can read, is forgotten."""
        if self._known is None:
            self._known = {}
            with suppress(ValueError, TypeError, AttributeError):
                told = json.loads(read_text(self._file) or "{}")
                self._known = {key: CudaTruth.model_validate(one) for key, one in told.items()}
        return self._known

    def _remember(self, fingerprint: str, truth: CudaTruth) -> None:
        """The newest last. A disk that takes nothing costs the next process a question."""
        known = self._answers()
        known.pop(fingerprint, None)
        known[fingerprint] = truth
        while len(known) > MOST_REMEMBERED:
            del known[next(iter(known))]
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            replace_text(self._file, json.dumps({key: one.model_dump(mode="json") for key, one in known.items()}))
