"""ErrorHandler: the one way in which an error is logged, perhaps repaired, and told; and its end, too."""

import logging
import secrets
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import ParamSpec, TypeVar

from backend.domain.clock import Clock
from backend.domain.events import ErrorHandled, ErrorResolved
from backend.domain.incident import Incident
from backend.domain.log_lines import FIELDS
from backend.domain.redaction import redact
from backend.errors import StudioError
from backend.services.event_bus import EventBus

P = ParamSpec("P")
Answer = TypeVar("Answer")
SAME_SECONDS = 60.0  # what fails again in the same way within this time is the same incident
MAX_OPEN = 256
FORGOTTEN_SECONDS = 3600.0  # after the last time; a session that was closed never says that it is over
MAX_VALUE = 1_000  # characters of one value in the log
log = logging.getLogger(__name__)

Presenter = Callable[[Incident], object]
Recovery = Callable[[StudioError], bool]


@dataclass(frozen=True, slots=True)
class Edge:
    """A place at which errors leave the program: a page, a click, a command.

    `present` tells a person. What is no StudioError is told as an `unexpected` one. `passes` go on untouched.
    `repeat` does the whole operation once more, None if that is not possible.
    `quiet`: expected errors are no news for the log, because the person who reads it is the one who is told.
    """

    present: Presenter
    unexpected: type[StudioError] = StudioError
    passes: tuple[type[BaseException], ...] = ()
    repeat: Callable[[], object] | None = None
    quiet: bool = False


@dataclass(slots=True)
class _Open:
    incident: Incident
    until: float  # monotonic seconds
    was_repaired: bool


class ErrorHandler:
    """Safe from any thread. A page that fails at each tick is one incident: one per error, operation and subject.

    `subject` is whom or what an operation is done for, such as a browser session: it is over for that one alone.
    """

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[str, str, str], _Open] = OrderedDict()
        self._recoveries: dict[type[StudioError], Recovery] = {}

    def recover_from(self, kind: type[StudioError], recovery: Recovery) -> None:
        """Have errors of a kind repaired: `recovery` says whether the operation is worth repeating now.

        It is tried once per incident; of several that fit, the one of the closest kind.
        """
        self._recoveries[kind] = recovery

    def handle(
        self,
        error: Exception,
        operation: str,
        edge: Edge,
        *,
        subject: str = "",
        context: Mapping[str, object] | None = None,
        may_repeat: bool = True,
    ) -> Incident:
        """Log it, try to repair it, and present it, unless it is worth repeating: `is_being_repaired` says so.

        `may_repeat`: whether the caller can repeat the operation. If not, nothing is repaired.
        """
        identity = secrets.token_hex(4)
        told = error if isinstance(error, StudioError) else edge.unexpected(incident=identity)
        key = (operation, subject, _kind(error, told))
        incident, is_new = self._incident(key, _described(identity, error, told, operation))
        if is_new:
            _write(incident, error, edge, subject, context or {})
            incident = self._repaired(key, incident, told) if may_repeat else incident
            self._bus.publish(ErrorHandled(incident.error.id, incident.id, operation))
        if not incident.is_being_repaired:
            edge.present(incident)
        return incident

    def succeeded(self, operation: str, subject: str = "") -> None:
        """The operation has just worked: what was wrong with it is over, and that is logged. Costs next to nothing."""
        if not self._open:
            return
        with self._lock:
            over = [key for key in self._open if key[:2] == (operation, subject)]
            found = [self._open.pop(key) for key in over]
        for each in found:
            incident = each.incident
            fields = {"incident": incident.id, "error": incident.error.id, "operation": operation}
            fields["by"] = "a recovery" if each.was_repaired else "itself or a person"
            log.info("error.resolved: incident %s", incident.id, extra={FIELDS: {"event": "error.resolved"} | fields})
            self._bus.publish(ErrorResolved(incident.error.id, incident.id, operation))

    @contextmanager
    def handling(self, operation: str, edge: Edge, *, subject: str = "") -> Iterator[None]:
        """Around a block: what goes wrong inside is handled and ends the block. Stops and reruns of scripts pass."""
        try:
            yield
        except edge.passes:
            raise
        except Exception as error:  # noqa: BLE001 - an edge of the program, where broad handlers belong
            incident = self.handle(error, operation, edge, subject=subject, may_repeat=edge.repeat is not None)
            if incident.is_being_repaired and edge.repeat is not None:
                edge.repeat()
        else:
            self.succeeded(operation, subject)

    def with_error_handling(
        self, operation: str, edge: Edge
    ) -> Callable[[Callable[P, Answer]], Callable[P, Answer | None]]:
        """Around a function that may be repeated: it is called once more after a recovery. None if it failed."""

        def decorate(function: Callable[P, Answer]) -> Callable[P, Answer | None]:
            @wraps(function)
            def handled(*args: P.args, **kwargs: P.kwargs) -> Answer | None:
                for is_first in (True, False):
                    try:
                        answer = function(*args, **kwargs)
                    except edge.passes:
                        raise
                    except Exception as error:  # noqa: BLE001 - an edge of the program
                        if not self.handle(error, operation, edge, may_repeat=is_first).is_being_repaired:
                            return None
                    else:
                        self.succeeded(operation)
                        return answer
                return None

            return handled

        return decorate

    def open_incidents(self) -> tuple[Incident, ...]:
        """What failed within the last hour and has not worked since, oldest first."""
        since = self._clock.monotonic() - FORGOTTEN_SECONDS
        with self._lock:
            return tuple(each.incident for each in self._open.values() if each.until > since)

    def _incident(self, key: tuple[str, str, str], fresh: Incident) -> tuple[Incident, bool]:
        """The incident that is open under a key, or the fresh one; and whether it is new."""
        now = self._clock.monotonic()
        with self._lock:
            known = self._open.get(key)
            is_new = known is None or now >= known.until
            kept = fresh if known is None or is_new else known.incident
            self._open[key] = _Open(kept, now + SAME_SECONDS, known is not None and known.was_repaired)
            self._open.move_to_end(key)
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return kept, is_new

    def _repaired(self, key: tuple[str, str, str], incident: Incident, error: StudioError) -> Incident:
        recovery = next((self._recoveries[kind] for kind in type(error).__mro__ if kind in self._recoveries), None)
        if recovery is None:
            return incident
        try:
            is_worth_repeating = recovery(error)
        except Exception:  # foreign code is called here: the error that it was to repair is to be told all the same
            log.exception("the recovery from %s failed itself, incident %s", incident.error.id, incident.id)
            return incident
        with self._lock:
            if is_worth_repeating and key in self._open:
                self._open[key].was_repaired = True
        return replace(incident, is_being_repaired=is_worth_repeating)


def _kind(error: Exception, told: StudioError) -> str:
    return str(error) if error is told else f"{type(error).__name__}: {error}"


def _described(identity: str, error: Exception, told: StudioError, operation: str) -> Incident:
    return Incident(
        id=identity,
        error=told.explain(),
        operation=operation,
        action=told.action.value if told.action else "",
        subject=str(told.data.get("run_id", "")),
        details=_trace(error) if log.isEnabledFor(logging.DEBUG) else "",
    )


def _trace(error: Exception) -> str:
    return redact("".join(traceback.format_exception(error)))


def _write(incident: Incident, error: Exception, edge: Edge, subject: str, context: Mapping[str, object]) -> None:
    """One line with everything that is known; the trace only if nobody had foreseen this error."""
    data = error.data if isinstance(error, StudioError) else {}
    known = {"subject": subject} | {name: str(value) for name, value in (*context.items(), *data.items())}
    fields = {
        "incident": incident.id,
        "at": incident.error.at,
        "error": incident.error.id,
        "operation": incident.operation,
        "context": {name: redact(value[:MAX_VALUE]) for name, value in known.items() if value},
    }
    is_expected = isinstance(error, StudioError)
    level = (logging.INFO if edge.quiet else logging.WARNING) if is_expected else logging.ERROR
    trace = None if is_expected else error
    text = f"error.handled: {incident.error.id}, incident {incident.id}"
    log.log(level, "%s", text, exc_info=trace, extra={FIELDS: {"event": "error.handled"} | fields})
