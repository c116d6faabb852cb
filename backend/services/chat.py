"""ChatService: asking a base model or an adapter, through an inference process that dies with us.

The program `python -m backend.inference` holds the model, so that nobody else imports torch. It is started by
the first question, ends by itself after its idle time, and is started again by the next question.
"""

import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backend.domain.chat import ChatEvent, ChatPhase, ChatRequest, ChatStatus, Failed, Progress, Token
from backend.domain.chat_lines import Stop, order_line
from backend.domain.line_program import LineChild, LineProgram
from backend.domain.ports import Clock
from backend.errors import StudioError
from backend.services.chat_errors import (
    ChatBusy,
    ChatClosed,
    ChatCrashed,
    ChatNotStarted,
    ChatSilent,
    DemoModelMissing,
)
from backend.services.chat_turn import ChatTurn, Patience
from config.catalog import DEMO_MODEL

UNLOADING = ("chat-out-of-memory", "chat-unexpected")  # after these the program holds no model


@dataclass(slots=True)
class _Started:
    """A living inference process and what it has told about itself."""

    child: LineChild
    is_offline: bool
    base_model: str | None = None
    model_bytes: int | None = None
    device: str = ""
    quantization: str = ""
    idle_limit_seconds: float | None = None

    def note(self, event: ChatEvent, request: ChatRequest) -> None:
        """Learn what is loaded now."""
        match event:
            case Progress(phase=ChatPhase.LOADED, memory_bytes=size, device=device):
                self.base_model, self.model_bytes = request.base_model, size
                self.device, self.quantization = device, request.quantization.name
            case Progress(phase=ChatPhase.READING) | Token():
                self.base_model = request.base_model
            case Failed(error=error) if error.id in UNLOADING:
                self.base_model = self.model_bytes = None


class ChatService:
    """One answer at a time; others wait their turn. All methods may be called from any thread."""

    def __init__(
        self,
        *,
        program: LineProgram,
        clock: Clock,
        models_folder: Path,
        is_hub_offline: bool = False,
        patience: Patience | None = None,
        idle_limit_seconds: float | None = None,
    ) -> None:
        """`idle_limit_seconds` is what programs are told when they start; None if they never go by themselves."""
        self._program = program
        self._clock = clock
        self._models_folder = models_folder
        self.is_hub_offline = is_hub_offline
        self._patience = patience or Patience()
        self.idle_limit_seconds = idle_limit_seconds
        self._changed = threading.Condition()
        self._turn: ChatTurn | None = None
        self._started: _Started | None = None
        self._is_closed = False
        self._idle_since = clock.monotonic()

    def generate(self, request: ChatRequest) -> Iterator[ChatEvent]:
        """Stream the answer: Progress and Token events, then one Done or Failed. Never raises a StudioError.

        Closing the iterator early stops the answer.
        """
        try:
            turn = ChatTurn(self._resolved(request), self._clock, self._patience)
            self._take(turn)
            try:
                yield from self._answer(turn)
            finally:
                self._release(turn)
        except StudioError as error:
            yield Failed(error.explain())

    def stop(self, request_id: str) -> None:
        """End an answer early; it then ends with Done("stopped"). Does nothing if it is not being written."""
        with self._changed:
            turn, started = self._turn, self._started
            if turn is None or turn.request.id != request_id:
                return
            turn.stop()
        if started is not None:
            self._tell(started.child, Stop(request_id))

    def unload(self) -> None:
        """End the inference process; an answer that is being written ends with Done("stopped")."""
        with self._changed:
            started, self._started = self._started, None
            if self._turn is not None:
                self._turn.stop()
                self._turn = None
            self._idle_since = self._clock.monotonic()
            self._changed.notify_all()
        if started is not None:
            started.child.end(self._patience.end_seconds)

    def unload_if_unused(self) -> None:
        """End the inference process unless it is answering or somebody waits for it."""
        with self._changed:
            is_unused = self._turn is None
        if is_unused:
            self.unload()

    def close(self) -> None:
        """End the inference process and refuse further questions."""
        with self._changed:
            self._is_closed = True
        self.unload()

    def status(self) -> ChatStatus:
        """The inference process as it is now."""
        with self._changed:
            started, is_idle = self._started, self._turn is None
            idle_seconds = self._clock.monotonic() - self._idle_since if is_idle else 0.0
        if started is None or started.child.exit_code is not None:
            return ChatStatus(idle_seconds=idle_seconds)
        return ChatStatus(
            is_loaded=started.base_model is not None,
            base_model=started.base_model,
            pid=started.child.pid,
            memory_bytes=started.child.memory_bytes(),
            idle_seconds=idle_seconds,
            model_bytes=started.model_bytes,
            device=started.device,
            quantization=started.quantization,
            idle_limit_seconds=started.idle_limit_seconds,
        )

    def _resolved(self, request: ChatRequest) -> ChatRequest:
        """The same request with absolute folders, because the program runs in another folder."""
        changes: dict[str, str] = {}
        if request.base_model == DEMO_MODEL:
            changes["base_model"] = str(self._existing_demo_model())
        elif (folder := Path(request.base_model).expanduser()).is_dir():
            changes["base_model"] = str(folder.absolute())
        if request.adapter is not None:
            changes["adapter"] = str(Path(request.adapter).expanduser().absolute())
        return request.model_copy(update=changes)

    def _existing_demo_model(self) -> Path:
        folder = self._models_folder / DEMO_MODEL
        if not (folder / "config.json").is_file():
            raise DemoModelMissing
        return folder.resolve()

    def _take(self, turn: ChatTurn) -> None:
        """Wait until nobody else's answer is being written. Raises ChatBusy."""
        seconds = self._patience.busy_seconds
        with self._changed:
            is_free = self._changed.wait_for(lambda: self._is_closed or self._turn is None, timeout=seconds)
            if self._is_closed:
                raise ChatClosed
            if not is_free:
                raise ChatBusy(seconds=seconds)
            self._turn = turn

    def _release(self, turn: ChatTurn) -> None:
        with self._changed:
            if self._turn is turn:
                self._turn = None
                self._idle_since = self._clock.monotonic()
                self._changed.notify_all()

    def _answer(self, turn: ChatTurn) -> Iterator[ChatEvent]:
        """Ask; ask a second process if the first went home just as the question came."""
        for is_last in (False, True):
            started, is_new = self._process_for(turn.request)
            if is_new:
                yield Progress(ChatPhase.STARTING)
            try:
                self._refuse_if_unloaded(turn)
                yield from self._listen(turn, started)
            except (EOFError, BrokenPipeError):
                self._forget(started)
                if turn.is_stopped:
                    yield turn.stopped()
                    return
                code = started.child.exit_code
                if code != 0 or turn.was_heard or is_last:
                    raise ChatCrashed(ending=_ending(code), last_words=started.child.last_words()) from None
            else:
                return

    def _refuse_if_unloaded(self, turn: ChatTurn) -> None:
        """An unload that came while the process was being started ends this answer too."""
        with self._changed:
            if self._turn is not turn:
                raise BrokenPipeError

    def _listen(self, turn: ChatTurn, started: _Started) -> Iterator[ChatEvent]:
        """Pass on what the process says about this question until it is answered."""
        try:
            started.child.send(order_line(turn.request), self._patience.send_seconds)
            for event in turn.events(started.child):
                started.note(event, turn.request)
                yield event
        except GeneratorExit:
            self._leave(turn, started)
            raise
        except ChatSilent:
            self._forget(started)
            raise
        except TimeoutError:
            self._forget(started)
            raise ChatSilent(seconds=self._patience.send_seconds) from None

    def _leave(self, turn: ChatTurn, started: _Started) -> None:
        """Nobody listens any more: stop the answer, but let a model that is being loaded be loaded."""
        turn.stop()
        self._tell(started.child, Stop(turn.request.id))
        if not turn.is_loading and not turn.drain(started.child):
            self._forget(started)

    def _process_for(self, request: ChatRequest) -> tuple[_Started, bool]:
        """The living process, or a new one. It is replaced if it must not, or must, reach the hub."""
        is_offline = self.is_hub_offline or Path(request.base_model).is_dir()
        with self._changed:
            started = self._started
        if started is not None and started.child.exit_code is None and started.is_offline == is_offline:
            return started, False
        if started is not None:
            self._forget(started)
        try:
            child = self._program.start(_environment(is_offline))
        except OSError as error:
            raise ChatNotStarted(reason=error.strerror or str(error)) from error
        fresh = _Started(child, is_offline, idle_limit_seconds=self.idle_limit_seconds)
        with self._changed:
            self._started = fresh
        return fresh, True

    def _forget(self, started: _Started) -> None:
        with self._changed:
            if self._started is started:
                self._started = None
        started.child.end(self._patience.end_seconds)

    def _tell(self, child: LineChild, order: Stop) -> None:
        """Hand over an order; a process that does not take it is noticed by whoever waits for its answer."""
        try:
            child.send(order_line(order), self._patience.send_seconds)
        except (BrokenPipeError, TimeoutError):
            return


def _environment(is_offline: bool) -> dict[str, str]:
    quiet = {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",  # files in the workspace are no modules
    }
    return {**quiet, "HF_HUB_OFFLINE": "1"} if is_offline else quiet


def _ending(code: int | None) -> str:
    if code == -signal.SIGKILL:
        return "was killed (signal 9), which the system does when memory runs out"
    if code is not None and code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}"
