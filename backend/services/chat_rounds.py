"""ChatRounds: questions that several sides answer one after another, in the background of whoever looks."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from backend.domain.chat import ChatPhase, ChatRequest, Done, Failed, Progress, Token
from backend.domain.clock import Clock
from backend.domain.conversation import Answer, Failure
from backend.errors import Explanation, StudioError
from backend.services.chat import ChatService
from backend.services.chat_errors import ChatClosed, RoundRunning

PIECES_SECONDS = 0.1  # a page that is drawn at each token keeps its browser busy
Place = tuple[int, str]  # the row of the question, and the address of the side
Keep = Callable[[int, str, Answer], object]


@dataclass(frozen=True, slots=True)
class Cell:
    """A question to one side. `request` is called when it is its turn, and may raise a StudioError."""

    row: int
    side: str
    request: Callable[[], ChatRequest]


@dataclass(frozen=True, slots=True)
class RoundState:
    """How far a round is. `version` grows with what is new, but with the pieces of an answer only so often."""

    places: tuple[Place, ...] = ()
    version: int = 0
    answers: Mapping[Place, Answer] = field(default_factory=dict)
    current: Place | None = None
    phase: ChatPhase | None = None
    num_done: int = 0
    is_stopped: bool = False


@dataclass(slots=True)
class _Round:
    cells: Sequence[Cell]
    keep: Keep
    state: RoundState
    request_id: str | None = None
    told_at: float = 0.0


class ChatRounds:
    """One round per key at a time, each on a thread of its own; the ChatService takes them in turn.

    Nobody needs to look: answers are kept as they are complete. All methods may be called from any thread.
    """

    def __init__(self, chat: ChatService, clock: Clock) -> None:
        self._chat = chat
        self._clock = clock
        self._changed = threading.Condition()
        self._rounds: dict[str, _Round] = {}
        self._failures: dict[str, Explanation] = {}

    def begin(self, key: str, cells: Sequence[Cell], keep: Keep) -> None:
        """Start a round; `keep` gets each complete answer. Raises RoundRunning."""
        with self._changed:
            if key in self._rounds:
                raise RoundRunning
            self._failures.pop(key, None)
            begun = _Round(cells, keep, RoundState(tuple((cell.row, cell.side) for cell in cells)))
            self._rounds[key] = begun
        threading.Thread(target=self._work, args=(key, begun), name="chat-round", daemon=True).start()

    def look(self, key: str) -> RoundState | None:
        """The round as it is now; None if none is going on."""
        with self._changed:
            found = self._rounds.get(key)
            return found.state if found is not None else None

    def wait(self, key: str, version: int, timeout_seconds: float) -> RoundState | None:
        """The round when it is newer than a version, or as it is after the timeout; None when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_newer(key, version), timeout=timeout_seconds)
        return self.look(key)

    def stop(self, key: str) -> None:
        """End the answer that is being written; what is not begun is not asked."""
        with self._changed:
            found = self._rounds.get(key)
            if found is None:
                return
            self._set(found, is_stopped=True)
            request_id = found.request_id
        if request_id is not None:
            self._chat.stop(request_id)

    def failure(self, key: str) -> Explanation | None:
        """Why the last round of a key ended early, None if it did not."""
        with self._changed:
            return self._failures.get(key)

    def _is_newer(self, key: str, version: int) -> bool:
        found = self._rounds.get(key)
        return found is None or found.state.version > version

    def _work(self, key: str, mine: _Round) -> None:
        """Answer after answer; the outermost frame of the thread."""
        failure: Explanation | None = None
        try:
            for cell in mine.cells:
                if mine.state.is_stopped:
                    break
                answer = self._answer(mine, cell)
                mine.keep(cell.row, cell.side, answer)
                self._set(mine, num_done=mine.state.num_done + 1)
                if answer.failure is not None and answer.failure.id == ChatClosed.id:
                    break
        except StudioError as error:
            failure = error.explain()
        except Exception:
            logging.getLogger(__name__).exception("a round of answers failed")
            failure = StudioError().explain()
        with self._changed:
            del self._rounds[key]
            if failure is not None:
                self._failures[key] = failure
            self._changed.notify_all()

    def _answer(self, mine: _Round, cell: Cell) -> Answer:
        place = (cell.row, cell.side)
        answer = Answer()
        self._set(mine, current=place, phase=None, answers={**mine.state.answers, place: answer})
        try:
            request = cell.request()
        except StudioError as error:
            return self._show(mine, place, Answer(failure=_kept(error.explain())))
        mine.request_id = request.id
        events = self._chat.generate(request)
        for event in events:
            match event:
                case Progress(phase=phase, detail=detail):
                    if phase is ChatPhase.READING:
                        answer = answer.model_copy(update={"template": detail})
                    self._set(mine, phase=phase)
                case Token(text=text, num_tokens=number):
                    changes = {"text": answer.text + text, "num_tokens": number or answer.num_tokens}
                    answer = answer.model_copy(update=changes)
                    self._set(mine, is_piece=True, answers={**mine.state.answers, place: answer})
                case Done():
                    answer = answer.model_copy(update=_figures(event))
                case Failed(error=refusal):
                    answer = answer.model_copy(update={"failure": _kept(refusal)})
            if mine.state.is_stopped:  # also if the stop came before the question was asked
                self._chat.stop(request.id)
        mine.request_id = None
        return self._show(mine, place, answer)

    def _show(self, mine: _Round, place: Place, answer: Answer) -> Answer:
        self._set(mine, answers={**mine.state.answers, place: answer})
        return answer

    def _set(self, mine: _Round, *, is_piece: bool = False, **changes: object) -> None:
        """Change the state, and tell those who wait; of pieces only so many a second."""
        with self._changed:
            now = self._clock.monotonic()
            is_told = not is_piece or now - mine.told_at >= PIECES_SECONDS
            version = mine.state.version + is_told
            mine.state = replace(mine.state, version=version, **changes)  # type: ignore[arg-type]
            if is_told:
                mine.told_at = now
                self._changed.notify_all()


def _figures(done: Done) -> dict[str, object]:
    return {
        "num_tokens": done.num_tokens,
        "seconds": done.seconds,
        "first_token_seconds": done.first_token_seconds,
        "finish": done.finish_reason,
    }


def _kept(error: Explanation) -> Failure:
    return Failure(**asdict(error))
