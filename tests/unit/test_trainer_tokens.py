"""Which tokens are learned."""

from typing import Any

import pytest

from tests.fakes.tiny_models import tiny_tokenizer

CORPUS = ["What is one plus two?", "one plus two is three.", "Be brief."]
THINKING = (  # rewrites earlier answers once a later turn follows
    "{% for m in messages %}<{{ m['role'] }}>"
    "{{ 'thought: ' if loop.last and m['role'] == 'assistant' else '' }}{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
ENDLESS = (  # no token says that an answer is over
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
STRICT = "{{ raise_exception('System role not supported') }}"


def encoder(template: str | None = None, **changes: Any) -> Any:
    from backend.trainer.model import PLAIN_CHAT_TEMPLATE
    from backend.trainer.tokens import Encoder

    tokenizer = tiny_tokenizer(CORPUS)
    tokenizer.chat_template = template or (PLAIN_CHAT_TEMPLATE if template is None else tokenizer.chat_template)
    return Encoder(tokenizer, **{"max_length": 1024, "answers_only": True} | changes), tokenizer


def talk(*turns: tuple[str, str]) -> Any:
    from backend.data.examples import Conversation, Turn

    return Conversation(tuple(Turn(role, content) for role, content in turns))


def learned(row: Any, tokenizer: Any) -> str:
    return str(tokenizer.decode([label for label in row["labels"] if label != -100]))


TWO_ANSWERS = (
    ("system", "Be brief."),
    ("user", "What is one plus two?"),
    ("assistant", "three."),
    ("user", "What is two plus two?"),
    ("assistant", "four."),
)


@pytest.mark.parametrize("template", [None, ""], ids=["the plain template", "the model's own"])
def test_only_answers_and_their_end_are_learned(template: str | None) -> None:
    encode, tokenizer = encoder(template)

    row = encode.row(talk(*TWO_ANSWERS), "row 1")

    assert learned(row, tokenizer) == "three.<eos>four.<eos>"
    assert len(row["labels"]) == len(row["input_ids"])
    assert row["input_ids"][0] == tokenizer.bos_token_id
    pairs = zip(row["labels"], row["input_ids"], strict=True)
    assert all(label in (-100, token) for label, token in pairs)


def test_without_answers_only_everything_is_learned() -> None:
    encode, _ = encoder(answers_only=False)

    row = encode.row(talk(*TWO_ANSWERS), "row 1")

    assert row["labels"] == row["input_ids"]


def test_plain_text_is_learned_whole_with_its_end() -> None:
    from backend.data.examples import PlainText

    encode, tokenizer = encoder()

    row = encode.row(PlainText("one plus two"), "row 1")

    assert row["labels"] == row["input_ids"]
    assert learned(row, tokenizer) == "one plus two<eos>"


def test_an_answer_whose_template_has_no_end_gets_one() -> None:
    encode, tokenizer = encoder(ENDLESS)

    row = encode.row(talk(("user", "one?"), ("assistant", "two.")), "row 1")

    assert learned(row, tokenizer) == " two.\n<eos>"  # " two" is one token, as the prompt ends in a space


def test_an_answer_whose_first_character_merges_with_the_prompt_is_learned_whole() -> None:
    corpus_with_merges = ENDLESS.replace("assistant: {% endif %}", "assistant:\n{% endif %}").replace(
        "{{ m['role'] }}: ", "{{ m['role'] }}:\n"
    )
    encode, tokenizer = encoder(corpus_with_merges)

    row = encode.row(talk(("user", "one?"), ("assistant", "\n\nthree.")), "row 1")

    assert learned(row, tokenizer).strip() == "three.\n<eos>"


def test_a_template_that_rewrites_earlier_turns_is_refused() -> None:
    from backend.trainer.errors import ChatTemplateUnsuitable

    encode, _ = encoder(THINKING)

    with pytest.raises(ChatTemplateUnsuitable, match="training row 7"):
        encode.row(talk(*TWO_ANSWERS), "training row 7")


def test_a_template_that_refuses_a_row_is_quoted() -> None:
    from backend.trainer.errors import ChatTemplateUnsuitable

    encode, _ = encoder(STRICT)

    with pytest.raises(ChatTemplateUnsuitable, match="System role not supported"):
        encode.row(talk(*TWO_ANSWERS), "row 1")


def test_rows_that_have_nothing_to_learn_within_the_length_are_named() -> None:
    from backend.trainer.errors import RowsTooLong

    encode, _ = encoder(max_length=60)
    short, long = (talk(("user", text), ("assistant", "two.")) for text in ("one?", "What is " * 30))

    with pytest.raises(RowsTooLong, match=r"1 of 3 training rows .* within 60 tokens: 2\."):
        encode.encode([short, long, short], "training", lambda _: None)


def test_long_rows_are_cut_and_progress_is_reported() -> None:
    from backend.data.examples import PlainText

    encode, _ = encoder(max_length=8)
    shares: list[float] = []

    rows = encode.encode([PlainText("What is one plus two? " * 9)] * 2, "training", shares.append)

    assert [len(row["input_ids"]) for row in rows] == [8, 8]
    assert shares == [1.0]
    assert rows.lengths.tolist() == [8, 8]


def test_batches_are_padded_to_their_longest_row() -> None:
    from backend.trainer.collation import Collator

    rows = [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"input_ids": [8], "labels": [8]}]

    batch = Collator(pad_id=3)(rows)  # type: ignore[arg-type]

    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 3, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [8, -100, -100]]
