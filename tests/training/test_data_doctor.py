"""Broken samples and what the data doctor says about them; its tokens are those that training sees."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from backend.data.choice import DatasetChoice
from backend.domain.data_report import DataFinding, DataOrder, DataReport, GivenRow, Severity, TokenState
from backend.domain.run_config import BaseModelChoice
from backend.recipes import Sft
from tests.fakes.tiny_models import tiny_tokenizer

SAMPLES = Path(__file__).resolve().parents[1] / "samples" / "doctor"
CORPUS = ["What is one plus two?", "one plus two is three.", "Be brief.", "What does it mean?", "The end."]
PLAIN = (
    "{{ bos_token }}{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
BARE = (
    "{{ bos_token }}{% for m in messages %}{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)
DEAF = (  # leaves out what the assistant says
    "{{ bos_token }}{% for m in messages if m['role'] == 'user' %}{{ m['content'] }}{% endfor %}{{ eos_token }}"
)
FOREIGN = (  # ChatML on a tokenizer that has never heard of it
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PAD_IS_END = {"pad_token": "<eos>"}
STRICT = "{% if messages|length > 0 %}{{ raise_exception('Only two turns!') }}{% endif %}"
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% if a > b %}{% endif %}{% endfor %}{% endfor %}"
HUGE = "{{ 'x' * 10 ** 9 }}"
BURGLAR = "{{ messages.__class__.__mro__[1].__subclasses__() }}"


@pytest.fixture
def make_model(tmp_path: Path) -> Any:
    """A folder with a tokenizer and as much of a model as the doctor looks at."""

    def make(template: str = PLAIN, **ids: Any) -> Path:
        folder = tmp_path / "model"
        tokenizer = tiny_tokenizer(CORPUS, template)
        tokenizer.add_special_tokens(ids)
        tokenizer.save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
        (folder / "model.safetensors").touch()
        return folder

    return make


def examined(model: Path | None, sample: str, *, limits: Any = None, **changes: Any) -> DataReport:
    from backend.trainer.examination import examine

    order = DataOrder(
        folder=str(SAMPLES),
        dataset=DatasetChoice(path=sample),
        base_model=BaseModelChoice(path=str(model)) if model else None,
        **{"max_length": 128} | changes,
    )
    return examine(order, limits)


def found(report: DataReport, name: str) -> DataFinding:
    by_id = {finding.id: finding for finding in report.findings}
    assert name in by_id, sorted(by_id)
    return by_id[name]


def test_a_good_dataset_has_no_findings(make_model: Any) -> None:
    report = examined(make_model(), "good.jsonl")

    assert report.findings == ()
    assert (report.num_rows, report.num_sampled, report.format) == (3, 3, "messages")


@pytest.mark.parametrize("max_length", [128, 20])
@pytest.mark.parametrize("answers_only", [True, False])
def test_the_tokens_are_those_that_training_sees(make_model: Any, max_length: int, answers_only: bool) -> None:
    from backend.base_models.files import locate
    from backend.data.loading import load
    from backend.trainer.collation import Collator
    from backend.trainer.model import load_tokenizer
    from backend.trainer.tokens import Encoder

    model = make_model()
    choice = DatasetChoice(path="long-answer.jsonl", validation_fraction=0)
    report = examined(model, "long-answer.jsonl", max_length=max_length, recipe=Sft(answers_only=answers_only))

    tokenizer = load_tokenizer(locate(BaseModelChoice(path=str(model)), Path("/")))
    encoder = Encoder(tokenizer, max_length=max_length, answers_only=answers_only)
    rows = [encoder.row(example, "a row") for example in load(choice, SAMPLES, 0).train]
    batch = Collator(int(tokenizer.pad_token_id))(rows)
    assert len(report.rows) == len(rows) == 3
    for look, ids, mask, labels in zip(
        report.rows,
        batch["input_ids"].tolist(),
        batch["attention_mask"].tolist(),
        batch["labels"].tolist(),
        strict=True,
    ):
        kept = [token for token in look.tokens if token.state is not TokenState.TRUNCATED]
        assert [token.id for token in kept] == ids
        assert [token.state is not TokenState.PADDING for token in kept] == [bool(here) for here in mask]
        # the first token is never predicted, whatever its label says
        learned = [False] + [label != -100 for label in labels[1:]]
        assert [token.state is TokenState.TRAINED for token in kept] == learned


def test_every_piece_of_text_is_shown_once(make_model: Any) -> None:
    report = examined(make_model(), "good.jsonl", show=1)

    tokens = report.rows[0].tokens
    assert (
        "".join(token.text for token in tokens) == "<bos>user: What is 0 plus one?\nassistant: 0 plus one is 1.<eos>\n"
    )
    trained = [token for token in tokens if token.state is TokenState.TRAINED]
    assert "".join(token.text for token in trained).strip() == "0 plus one is 1.<eos>"
    assert [token.text for token in tokens if token.is_special] == ["<bos>", "<eos>"]


def test_rows_without_anything_to_learn_are_found(make_model: Any) -> None:
    report = examined(make_model(DEAF), "good.jsonl")

    finding = found(report, "nothing-learned")
    assert (finding.rows, finding.num_rows) == ((1, 2, 3), 3)
    assert report.has_errors


def test_an_end_that_is_never_learned_is_found(make_model: Any) -> None:
    """The template closes answers with another control token than generation stops at."""
    tokenizer_ends_with = PLAIN.replace("{{ eos_token }}", "<|done|>")
    model = make_model(tokenizer_ends_with, additional_special_tokens=["<|done|>"])

    finding = found(examined(model, "good.jsonl"), "end-never-trained")

    assert finding.severity is Severity.ERROR
    assert "'<|done|>'" in finding.why
    assert "<eos>" in finding.why


def test_the_ends_of_the_generation_configuration_count_too(make_model: Any) -> None:
    model = make_model(PLAIN.replace("{{ eos_token }}", "<|done|>"), additional_special_tokens=["<|done|>"])
    from transformers import AutoTokenizer

    done = AutoTokenizer.from_pretrained(model).convert_tokens_to_ids("<|done|>")
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, done]}))

    assert examined(model, "good.jsonl").findings == ()


def test_an_end_that_every_row_loses_is_found(make_model: Any) -> None:
    finding = found(examined(make_model(), "good.jsonl", max_length=26), "end-never-trained")

    assert "cut at 26 tokens" in finding.why


def test_a_doubled_begin_of_text_is_found(make_model: Any) -> None:
    doubled = examined(make_model("{{ bos_token }}" + PLAIN), "good.jsonl")
    assert found(doubled, "doubled-bos").num_rows == 3

    in_the_text = examined(make_model(BARE), "doubled-bos.jsonl")
    assert found(in_the_text, "doubled-bos").rows == (2,)


def test_padding_that_is_the_end_is_a_note_while_ends_are_learned(make_model: Any) -> None:
    report = examined(make_model(**PAD_IS_END), "good.jsonl")

    assert found(report, "pad-is-end").severity is Severity.NOTE
    assert not report.has_errors


def test_an_end_that_is_masked_as_padding_is_found(make_model: Any) -> None:
    """The labels are those of transformers' own collator, which masks by the id of the padding token."""
    from transformers import AutoTokenizer, DataCollatorForLanguageModeling

    from backend.domain.data_checks import EncodedRow, Sample, end_masked_as_padding
    from backend.trainer.examination import vocabulary

    model = make_model(**PAD_IS_END)
    tokenizer = AutoTokenizer.from_pretrained(model)
    ids = tokenizer("one plus two is three.<eos>")["input_ids"]
    batch = DataCollatorForLanguageModeling(tokenizer, mlm=False)([{"input_ids": ids}])
    row = EncodedRow(1, tuple(batch["input_ids"][0].tolist()), tuple(batch["labels"][0].tolist()))

    finding = end_masked_as_padding(Sample((row,), vocabulary(tokenizer, model), 128))

    assert finding is not None
    assert (finding.id, finding.rows) == ("end-masked-as-padding", (1,))


def test_a_template_of_another_model_is_found(make_model: Any) -> None:
    finding = found(examined(make_model(FOREIGN), "good.jsonl"), "template-mismatch")

    assert "<|im_end|>, <|im_start|>" in finding.what


def test_a_template_that_refuses_rows_is_quoted(make_model: Any) -> None:
    finding = found(examined(make_model(STRICT), "good.jsonl"), "template-raises")

    assert "Only two turns!" in finding.why
    assert finding.num_rows == 3


def test_a_prompt_longer_than_the_limit_is_found(make_model: Any) -> None:
    report = examined(make_model(), "long-prompt.jsonl")

    assert found(report, "prompt-too-long").rows == (2,)
    assert "128 tokens" in found(report, "prompt-too-long").why
    assert not [finding for finding in report.findings if finding.id == "answer-cut"]


def test_an_answer_that_is_cut_is_found(make_model: Any) -> None:
    report = examined(make_model(), "long-answer.jsonl")

    finding = found(report, "answer-cut")
    assert finding.rows == (2,)
    assert report.lengths is not None
    assert f"to {report.lengths.proposed_max_length}," in finding.fix
    states = {token.state for look in report.rows if look.number == 2 for token in look.tokens}
    assert states == {TokenState.MASKED, TokenState.TRAINED, TokenState.TRUNCATED}


def test_turns_in_the_wrong_order_are_found_without_a_model() -> None:
    finding = found(examined(None, "roles.jsonl"), "role-order")

    assert finding.rows == (2, 3, 4, 5)
    assert "row 2: turn 2 is of the user, expected one of the assistant" in finding.why


def test_rows_that_are_no_examples_are_found() -> None:
    assert found(examined(None, "no-turns.jsonl"), "rows-unusable").rows == (2,)


def test_byte_order_marks_inside_the_file_and_its_fields_are_found() -> None:
    report = examined(None, "joined-with-marks.jsonl")

    assert found(report, "byte-order-mark").rows == (2, 3)
    assert [finding.id for finding in report.findings] == ["byte-order-mark"]


def test_a_file_of_two_encodings_is_found() -> None:
    report = examined(None, "mixed-encodings.jsonl")

    assert found(report, "mixed-encodings").rows == (2,)
    assert [finding.id for finding in report.findings] == ["mixed-encodings"]


def test_texts_that_were_decoded_wrongly_are_found_and_good_ones_are_not() -> None:
    finding = found(examined(None, "garbled.jsonl"), "garbled-text")

    assert finding.rows == (2, 3)
    assert "Ã©" in finding.what


def test_a_file_in_another_encoding_is_found() -> None:
    assert "UTF-16" in found(examined(None, "utf16.jsonl"), "dataset-unreadable").why


def test_control_tokens_inside_texts_are_found(make_model: Any) -> None:
    finding = found(examined(make_model(), "control-token.jsonl"), "special-token-in-text")

    assert finding.rows == (2,)
    assert "<eos>" in finding.what


@pytest.mark.parametrize(
    ("template", "name"), [(ENDLESS, "template-too-slow"), (HUGE, "template-too-big")], ids=["slow", "big"]
)
def test_a_template_that_is_a_bomb_is_broken_off(make_model: Any, template: str, name: str) -> None:
    from backend.trainer.limited import Limits

    began = time.monotonic()
    report = examined(make_model(template), "good.jsonl", limits=Limits(item_seconds=1.0))

    assert found(report, name).rows == (1,)
    assert time.monotonic() - began < 60
    assert report.rows == ()


def test_a_template_that_looks_for_a_way_out_of_the_sandbox_is_refused(make_model: Any) -> None:
    finding = found(examined(make_model(BURGLAR), "good.jsonl"), "template-raises")

    assert "unsafe" in finding.why


@pytest.mark.parametrize(
    ("template", "name"), [(ENDLESS, "template-too-slow"), (HUGE, "template-too-big")], ids=["slow", "big"]
)
def test_training_tries_the_template_in_a_child_first(make_model: Any, template: str, name: str) -> None:
    from backend.base_models.files import locate
    from backend.data.examples import Conversation, Turn
    from backend.errors import DataError
    from backend.trainer.limited import Limits
    from backend.trainer.model import load_tokenizer
    from backend.trainer.readings import reading_of
    from backend.trainer.row_child import try_template

    tokenizer = load_tokenizer(locate(BaseModelChoice(path=str(make_model(template))), Path("/")))
    rows = [Conversation((Turn("user", "one?"), Turn("assistant", "two.")))]

    with pytest.raises(DataError) as caught:
        try_template(reading_of(Sft(), tokenizer, 64).read, rows, Limits(item_seconds=1.0))

    assert caught.value.id == name


def test_a_sample_is_the_same_every_time_and_drawn_from_the_whole_file(make_model: Any, tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    path.write_text("\n\n".join(f"text number {n}" for n in range(500)), encoding="utf-8")
    model = make_model()

    first, second = (examined(model, str(path), num_rows=20, show=20) for _ in range(2))
    other = examined(model, str(path), num_rows=20, show=20, seed=1)

    numbers = [look.number for look in first.rows]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 20
    assert numbers[-1] > 500
    assert first == second
    assert numbers != [look.number for look in other.rows]
    assert first.num_rows == 500


def test_the_program_answers_a_service_from_a_process_of_its_own(make_model: Any, tmp_path: Path) -> None:
    import sys

    from backend.executors.piped import PipedProgram
    from backend.probes.clock import SystemClock
    from backend.services.data_doctor import DataDoctor, DataNotExamined

    model = make_model(HUGE)
    program = PipedProgram((sys.executable, "-m", "backend.trainer.examine"), tmp_path, tmp_path / "doctor.log")
    doctor = DataDoctor(program=program, clock=SystemClock(), models_folder=tmp_path)
    order = DataOrder(
        folder=str(SAMPLES), dataset=DatasetChoice(path="good.jsonl"), base_model=BaseModelChoice(path=str(model))
    )

    assert found(doctor.check(order), "template-too-big").rows == (1,)

    with pytest.raises(DataNotExamined) as caught:
        doctor.check(order.model_copy(update={"dataset": DatasetChoice(path="none.jsonl")}))
    assert (caught.value.explain().id, caught.value.exit_code) == ("dataset-not-found", 65)


def test_given_rows_are_all_shown_in_batches_with_the_text_that_the_model_reads(make_model: Any) -> None:
    given = tuple(
        GivenRow(place=number, fields={"prompt": "What is one?", "completion": "one " * number})
        for number in (1, 4, 9, 30)
    )

    report = examined(make_model(), "good.jsonl", given=given, batch_size=2, max_length=40)

    assert [look.number for look in report.rows] == [1, 4, 9, 30]
    lengths = [len([t for t in look.tokens if t.state is not TokenState.TRUNCATED]) for look in report.rows]
    assert lengths[0] == lengths[1]
    assert [any(t.state is TokenState.PADDING for t in look.tokens) for look in report.rows[:2]] == [True, False]
    assert report.rows[0].text.startswith("<bos>user: What is one?")
    assert set(report.overlong) <= {1, 4, 9, 30}
    assert 30 in report.overlong
    assert report.template == PLAIN
    assert report.format == "prompt_completion"


def test_a_given_row_that_is_no_example_is_a_finding(make_model: Any) -> None:
    given = (
        GivenRow(place=1, fields={"prompt": "What is one?", "completion": "one"}),
        GivenRow(place=2, fields={"prompt": "What is one?"}),
    )

    report = examined(make_model(), "good.jsonl", given=given)

    assert found(report, "rows-unusable").rows == (2,)
    assert [look.number for look in report.rows] == [1]
