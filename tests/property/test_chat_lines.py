"""The lines between service and program: what goes in comes out, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.domain.chat import (
    ChatEvent,
    ChatMessage,
    ChatPhase,
    ChatRequest,
    Done,
    Failed,
    Progress,
    Sampling,
    Token,
)
from backend.domain.chat_lines import READY, Stop, event_line, order_line, parse_event, parse_order
from backend.errors import Explanation
from backend.quantization import Nf4

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
COUNT = st.integers(0, 10**9)
EVENTS: st.SearchStrategy[ChatEvent] = st.one_of(
    st.builds(Progress, phase=st.sampled_from(ChatPhase), detail=TEXT, memory_bytes=st.none() | COUNT, device=TEXT),
    st.builds(Token, text=TEXT, num_tokens=COUNT),
    st.builds(
        Done,
        num_tokens=COUNT,
        seconds=st.floats(0, 1e9),
        finish_reason=st.sampled_from(["eos", "length", "stopped", "stop-string"]),
        first_token_seconds=st.none() | st.floats(0, 1e9),
    ),
    st.builds(Failed, error=st.builds(Explanation, *[TEXT] * 5)),
)
SAMPLING = st.builds(
    Sampling,
    max_new_tokens=st.integers(1, 32_768),
    temperature=st.floats(0, 5),
    top_p=st.floats(0.01, 1),
    top_k=st.integers(0, 1000),
    repetition_penalty=st.floats(0.1, 10),
    seed=st.integers(0, 2**32 - 1),
)
REQUESTS = st.builds(
    ChatRequest,
    base_model=st.just("org/model"),
    adapter=st.none() | st.just("/runs/a/adapter"),
    quantization=st.sampled_from(["none", "nf4", {"name": "nf4", "double": False}]),
    messages=TEXT.map(lambda text: (ChatMessage(role="user", content=text),)),
    sampling=SAMPLING,
)


@given(EVENTS, TEXT)
def test_an_event_survives_its_line(event: ChatEvent, request_id: str) -> None:
    line = event_line(request_id, event)
    assert "\n" not in line
    assert parse_event(line) == (request_id, event)


@given(REQUESTS)
def test_an_order_survives_its_line(request: ChatRequest) -> None:
    line = order_line(request)
    assert "\n" not in line
    assert parse_order(line) == request
    assert parse_order(order_line(Stop(request.id))) == Stop(request.id)


@given(st.text() | st.recursive(st.none() | st.integers() | TEXT, st.lists).map(str))
def test_any_other_text_is_nothing(text: str) -> None:
    assert parse_event(text) is None
    assert parse_order(text) is None


@pytest.mark.parametrize(
    "line",
    [
        READY,
        '{"type": "token", "text": "no request", "num_tokens": 1}',
        '{"type": "done", "request": "a", "num_tokens": 1, "seconds": 1, "finish_reason": "bored"}',
        '{"type": "song", "request": "a"}',
        '{"type": "generate", "base_model": "x", "messages": []}',
        "[" * 100_000,
    ],
)
def test_almost_right_lines_are_nothing(line: str) -> None:
    assert parse_event(line) is None
    assert parse_order(line) is None


def test_a_conversation_ends_with_a_question() -> None:
    answer = ChatMessage(role="assistant", content="hm")
    with pytest.raises(ValidationError, match="the last message"):
        ChatRequest(base_model="x", messages=(answer,))


def test_a_path_with_a_nul_is_refused() -> None:
    question = ChatMessage(role="user", content="hm")
    with pytest.raises(ValidationError, match="NUL"):
        ChatRequest(base_model="x\x00", messages=(question,))


def test_a_quantization_may_be_named_or_spelled_out() -> None:
    question = ChatMessage(role="user", content="hm")
    assert ChatRequest(base_model="x", messages=(question,), quantization="nf4").quantization == Nf4()
