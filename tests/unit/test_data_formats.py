"""Formats: which columns speak for one, and what a row becomes or is told."""

from typing import get_args

import pytest

from backend.data.choice import Columns, FormatName
from backend.data.examples import Conversation, PlainText, Preference, Prompt, Rated, Turn
from backend.data.formats import AnyFormat, by_name, detect, formats

PLAIN = Columns()
QUESTION, ANSWER = Turn("user", "Why?"), Turn("assistant", "Because.")
SYSTEM = Turn("system", "Be brief.")
TURNS = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]
SHARED = [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]


def detected(*columns: str, **named: str) -> str | None:
    found = detect(frozenset(columns), Columns(**named))
    return found and found.name


def test_every_format_that_can_be_chosen_exists_once_with_a_card() -> None:
    assert [each.name for each in formats()] == [name for name in get_args(get_args(FormatName)[0]) if name != "auto"]
    assert {type(each) for each in formats()} == set(get_args(AnyFormat))
    assert all(each.card.title and each.card.summary for each in formats())


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (("messages", "text"), "messages"),
        (("id", "conversations"), "sharegpt"),
        (("instruction", "input", "output"), "alpaca"),
        (("instruction", "output"), "alpaca"),
        (("prompt", "completion"), "prompt_completion"),
        (("Question", "ANSWER"), "prompt_completion"),
        (("prompt", "response"), "prompt_completion"),
        (("input", "output"), "prompt_completion"),
        (("text",), "text"),
        (("prompt", "chosen", "rejected"), "preference"),
        (("chosen", "rejected", "score"), "preference"),
        (("messages", "chosen", "rejected"), "messages"),
        (("prompt", "completion", "label"), "prompt_completion"),
        (("prompt", "solution"), "prompt"),
        (("prompt",), "prompt"),
        (("left", "right"), None),
        ((), None),
    ],
)
def test_the_columns_decide_the_format(columns: tuple[str, ...], expected: str | None) -> None:
    assert detected(*columns) == expected


def test_columns_that_a_person_named_decide_over_the_usual_ones() -> None:
    assert detected("messages", "body", text="body") == "text"
    assert detected("messages", "q", "a", prompt="q", completion="a") == "prompt_completion"
    assert detected("instruction", "output", "input", "q", prompt="q") == "prompt_completion"
    assert detected("q", "a", "extra", prompt="q", completion="a", input="extra") == "alpaca"
    assert detected("chat", messages="chat") == "messages"
    assert detected("messages", text="absent") is None
    assert detected("prompt", "completion", "thumb", label="thumb") == "kto"
    assert detected("prompt", "good", "bad", chosen="good", rejected="bad") == "preference"
    assert detected("prompt", "answer", "right", answer="right") == "prompt"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("messages", {"messages": TURNS}),
        ("messages", {"Messages": SHARED}),
        ("sharegpt", {"conversations": SHARED}),
        ("sharegpt", {"conversations": TURNS}),
        ("alpaca", {"instruction": "Why?", "input": " ", "output": "Because."}),
        ("prompt_completion", {"question": "Why?", "answer": "Because."}),
        ("prompt_completion", {"Prompt": "Why?", "Completion": "Because."}),
    ],
)
def test_a_row_becomes_a_conversation(name: str, fields: dict[str, object]) -> None:
    assert by_name(name).read(fields, PLAIN) == Conversation((QUESTION, ANSWER))
    assert by_name(name).read({**fields, "system": "Be brief."}, PLAIN) == Conversation((SYSTEM, QUESTION, ANSWER))


def test_a_conversations_own_system_prompt_comes_before_that_of_a_column() -> None:
    own = [{"role": "system", "content": "Be kind."}, *TURNS]
    assert by_name("messages").read({"messages": own, "system": "Be brief."}, PLAIN) == Conversation(
        (Turn("system", "Be kind."), QUESTION, ANSWER)
    )


def test_parts_of_text_are_joined_and_other_parts_are_told() -> None:
    def read(content: object) -> object:
        turns = [{"role": "user", "content": content}, TURNS[1]]
        return by_name("messages").read({"messages": turns}, PLAIN)

    parts: list[object] = [{"type": "text", "text": "Wh"}, {"type": "text", "text": "y?"}]
    assert read(parts) == Conversation((QUESTION, ANSWER))
    for bad in ([*parts, {"type": "image_url"}], [], None, 7, {"type": "text"}):
        assert read(bad) == "turn 1 has no text"


def test_alpaca_puts_the_input_below_the_instruction() -> None:
    row = {"instruction": "Sum.", "input": "1, 2", "output": "3"}
    assert by_name("alpaca").read(row, PLAIN) == Conversation((Turn("user", "Sum.\n\n1, 2"), Turn("assistant", "3")))


def test_numbers_are_text_but_missing_values_are_not() -> None:
    read = by_name("prompt_completion").read
    assert read({"prompt": "6 x 7?", "completion": 42}, PLAIN) == Conversation(
        (Turn("user", "6 x 7?"), Turn("assistant", "42"))
    )
    for value in (float("nan"), None, True, ["42"]):
        assert "there is no text in 'completion'" in str(read({"prompt": "6 x 7?", "completion": value}, PLAIN))


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (None, "there is no list of turns"),
        ("Why?", "there is no list of turns"),
        ([], "there are no turns"),
        ([SYSTEM], "there are no turns"),
        (["Why?"], "turn 1 is no object"),
        ([{"content": "Why?"}], "turn 1 has no role"),
        ([{"role": "wizard", "content": "Why?"}], "turn 1 has the unknown role 'wizard'"),
        ([TURNS[1]], "turn 1 is of the assistant, expected one of the user"),
        ([TURNS[0], TURNS[0]], "turn 2 is of the user, expected one of the assistant"),
        ([TURNS[0]], "the last turn is not an answer of the assistant"),
        ([TURNS[0], {"role": "assistant", "content": " \n"}], "turn 2 of the assistant is empty"),
        (
            [{"role": "system", "content": "Be brief."}, TURNS[1]],
            "turn 2 is of the assistant, expected one of the user",
        ),
        ([*TURNS, {"role": "system", "content": "x"}], "turn 3 is of the system, expected one of the user"),
    ],
)
def test_a_conversation_in_bad_order_is_told(turns: object, said: str) -> None:
    if turns == [SYSTEM]:
        turns = [{"role": "system", "content": "Be brief."}]
    assert by_name("messages").read({"messages": turns}, PLAIN) == said


def test_missing_columns_are_told_by_name() -> None:
    assert by_name("alpaca").read({"output": "x"}, PLAIN) == "there is no text in 'instruction'"
    assert by_name("alpaca").read({"instruction": "x"}, PLAIN) == "there is no text in 'output'"
    assert by_name("text").read({"": "x"}, PLAIN) == "there is no text in 'text'"
    assert by_name("prompt_completion").read({"": "x"}, Columns(prompt="q")) == "there is no text in 'q'"
    assert by_name("sharegpt").read({"": SHARED}, PLAIN) == "there is no list of turns"


def test_plain_text_is_kept_as_it_is_and_blank_text_is_told() -> None:
    assert by_name("text").read({"body": " a\n"}, Columns(text="body")) == PlainText(" a\n")
    assert by_name("text").read({"text": " \n"}, PLAIN) == "the text is empty"


PAIR = Preference((QUESTION,), "Because.", "No.")
NO = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "No."}]


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": "Why?", "chosen": "Because.", "rejected": "No."},
        {"prompt": TURNS[:1], "chosen": TURNS[1:], "rejected": NO[1:]},
        {"prompt": "Why?", "chosen": TURNS, "rejected": NO},
        {"chosen": TURNS, "rejected": NO},
    ],
)
def test_a_pair_is_read_however_its_prompt_is_given(fields: dict[str, object]) -> None:
    assert by_name("preference").read(fields, PLAIN) == PAIR
    asked = Preference((SYSTEM, QUESTION), "Because.", "No.")
    assert by_name("preference").read({**fields, "system": "Be brief."}, PLAIN) == asked


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"prompt": "Why?", "chosen": "Yes.", "rejected": "Yes."}, "chosen and rejected are the same"),
        ({"prompt": "Why?", "chosen": "Yes."}, "there is no text in 'rejected'"),
        ({"prompt": "Why?", "chosen": " ", "rejected": "No."}, "chosen is empty"),
        ({"prompt": "", "chosen": "Yes.", "rejected": "No."}, "the prompt is empty"),
        ({"chosen": TURNS, "rejected": [{"role": "user", "content": "What?"}, NO[1]]}, "there is no prompt"),
        ({"prompt": "What?", "chosen": TURNS, "rejected": NO}, "chosen and rejected are more than one answer"),
        ({"chosen": "Yes.", "rejected": "No."}, "there is no prompt"),
        ({"prompt": TURNS, "chosen": "Yes.", "rejected": "No."}, "the prompt does not end with a turn of the user"),
    ],
)
def test_a_pair_that_is_none_is_told(fields: dict[str, object], problem: str) -> None:
    found = by_name("preference").read(fields, PLAIN)
    assert isinstance(found, str)
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("label", "is_good"), [(True, True), (0, False), (1.0, True), ("Good", True), ("false", False)]
)
def test_a_rated_answer_is_good_or_bad(label: object, is_good: bool) -> None:
    fields = {"prompt": "Why?", "completion": "Because.", "label": label}
    assert by_name("kto").read(fields, PLAIN) == Rated((QUESTION,), "Because.", is_good)
    turns = {"prompt": TURNS[:1], "completion": TURNS[1:], "label": label}
    assert by_name("kto").read(turns, PLAIN) == Rated((QUESTION,), "Because.", is_good)


@pytest.mark.parametrize("label", [None, "perhaps", 2, float("nan")])
def test_a_rated_answer_needs_a_clear_label(label: object) -> None:
    fields = {"prompt": "Why?", "completion": "Because.", "label": label}
    assert by_name("kto").read(fields, PLAIN) == "the label is neither true nor false"


def test_a_prompt_may_have_an_answer_to_compare_with() -> None:
    assert by_name("prompt").read({"prompt": "Why?"}, PLAIN) == Prompt((QUESTION,))
    assert by_name("prompt").read({"messages": TURNS[:1], "solution": 42}, PLAIN) == Prompt((QUESTION,), "42")
    assert by_name("prompt").read({"prompt": TURNS}, PLAIN) == "the prompt does not end with a turn of the user"
    assert by_name("prompt").read({"prompt": " "}, PLAIN) == "the prompt is empty"
