"""The JSON lines between the chat service and the inference program; one object a line.

Orders:  {"type": "generate", the fields of ChatRequest}    {"type": "stop", "id": of the request}
Answers: {"type": "ready"}; all others also have "request", the id of the request:
         {"type": "progress", "phase", "detail", and perhaps "memory_bytes", "device"}
         {"type": "token", "text", "num_tokens"}
         {"type": "done", "num_tokens", "seconds", "finish_reason", and perhaps "first_token_seconds"}
         {"type": "error", "id", "what", "why", "fix", "at"}, where "id" is the error's
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, assert_never, get_args

from backend.domain.chat import ChatEvent, ChatPhase, ChatRequest, Done, Failed, FinishReason, Progress, Token
from backend.errors import Explanation

READY = '{"type": "ready"}'
FINISH_REASONS = get_args(FinishReason)


@dataclass(frozen=True, slots=True)
class Stop:
    """The order to end an answer early."""

    id: str


def order_line(order: ChatRequest | Stop) -> str:
    """One line without its newline."""
    if isinstance(order, Stop):
        return json.dumps({"type": "stop", "id": order.id})
    return json.dumps({"type": "generate", **order.model_dump(mode="json")})


def parse_order(line: str | bytes) -> ChatRequest | Stop | None:
    """None for a line that is no order."""
    try:
        fields = json.loads(line)
        match fields.pop("type"):
            case "generate":
                return ChatRequest.model_validate(fields)
            case "stop":
                return Stop(str(fields["id"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    return None


def event_line(request_id: str, event: ChatEvent) -> str:
    """One line without its newline."""
    return json.dumps({"type": _kind(event), "request": request_id, **_fields(event)})


def parse_event(line: str) -> tuple[str, ChatEvent] | None:
    """The request and the event; None for a line that is none: whatever a library printed, or a torn line."""
    try:
        fields = json.loads(line)
        return str(fields["request"]), _event(fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _kind(event: ChatEvent) -> str:
    match event:
        case Progress():
            return "progress"
        case Token():
            return "token"
        case Done():
            return "done"
        case Failed():
            return "error"
        case _:
            assert_never(event)


def _fields(event: ChatEvent) -> dict[str, Any]:
    return asdict(event.error) if isinstance(event, Failed) else asdict(event)


def _event(fields: dict[str, Any]) -> ChatEvent:
    match fields["type"]:
        case "progress":
            memory = fields.get("memory_bytes")
            phase, device = ChatPhase(fields["phase"]), str(fields.get("device", ""))
            return Progress(phase, str(fields["detail"]), None if memory is None else int(memory), device)
        case "token":
            return Token(str(fields["text"]), int(fields["num_tokens"]))
        case "done":
            if (reason := fields["finish_reason"]) not in FINISH_REASONS:
                raise ValueError(reason)
            first = fields.get("first_token_seconds")
            took = None if first is None else float(first)
            return Done(int(fields["num_tokens"]), float(fields["seconds"]), reason, took)
        case "error":
            return Failed(Explanation(*(str(fields[key]) for key in ("id", "what", "why", "fix", "at"))))
        case other:
            raise ValueError(other)
