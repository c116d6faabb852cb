"""The data doctor as a service and as a command, with a program that says what the test wants."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from backend.data.choice import DatasetPart
from backend.domain.data_checks import EncodedRow, Sample, Vocabulary, look
from backend.domain.data_findings import FINDINGS, finding
from backend.domain.data_lengths import fullness, histogram, lengths, percentile, proposed
from backend.domain.data_report import DataOrder, DataReport, RowLook, RowsOrder
from backend.domain.text_checks import garbled, role_problem
from backend.recipes import Sft
from backend.services.chat_errors import DemoModelMissing
from backend.services.data_doctor import PATIENCE_SECONDS, DataDoctor, DataNotExamined
from tests.fakes.clock import FakeClock
from tests.fakes.command_line import CommandLine, installed
from tests.fakes.lines import Said, ScriptedProgram

KNOWN = Vocabulary(bos=1, eos=2, pad=0, ends=frozenset({2}), special=frozenset({0, 1, 2}), texts={0: "<pad>"})
ROW = EncodedRow(4, (1, 7, 8, 9, 2), (-100, -100, 8, 9, 2))
TOKENS = look(ROW, Sample((ROW,), KNOWN, 4), ["<bos>", "Hi\n", "a", "b", "<eos>"], padded_to=6)
REPORT = DataReport(
    path="rows.jsonl",
    format="messages",
    base_model="org/tiny",
    num_rows=9,
    is_complete=True,
    num_sampled=9,
    findings=(finding("answer-cut", [4, 5], max_length=4, proposed=64),),
    rows=(RowLook(number=4, tokens=TOKENS),),
    lengths=lengths([5, 3, 9], max_length=4, batch_size=2),
)
WRONG = {"id": "dataset-not-found", "what": "No such file.", "why": "It is gone.", "fix": "Look.", "at": "now"}


def says(document: dict[str, Any], code: int = 0) -> Any:
    """One line, cut into pieces as long lines are."""
    text = json.dumps(document)
    return lambda _order: [text[:30], text[30:], code]


@pytest.fixture
def program() -> ScriptedProgram:
    return ScriptedProgram(says({"report": REPORT.model_dump(mode="json")}), FakeClock())


@pytest.fixture
def doctor(program: ScriptedProgram, tmp_path: Path) -> DataDoctor:
    return DataDoctor(program=program, clock=FakeClock(), models_folder=tmp_path)


def order(**changes: Any) -> DataOrder:
    return DataOrder.model_validate({"folder": "/", "dataset": {"path": "rows.jsonl"}} | changes)


def test_the_program_gets_the_order_and_its_report_comes_back(doctor: DataDoctor, program: ScriptedProgram) -> None:
    assert doctor.check(order(max_length=77)) == REPORT

    heard = DataOrder.model_validate_json(program.children[0].heard[0])
    assert heard == order(max_length=77)
    assert program.children[0].exit_code is not None
    assert "HF_HUB_OFFLINE" not in program.environments[0]


def test_an_error_of_the_program_keeps_its_words_and_its_exit_code(
    doctor: DataDoctor, program: ScriptedProgram
) -> None:
    program.reply = says({"error": WRONG, "exit_code": 65}, 65)

    with pytest.raises(DataNotExamined) as caught:
        doctor.check(order())

    assert (caught.value.explain().id, caught.value.exit_code) == ("dataset-not-found", 65)


def test_a_program_that_dies_is_quoted(doctor: DataDoctor, program: ScriptedProgram) -> None:
    program.reply = lambda _order: [-9]

    with pytest.raises(DataNotExamined, match="out of ideas"):
        doctor.check(order())


def test_a_program_that_says_nothing_is_ended(program: ScriptedProgram, tmp_path: Path) -> None:
    clock = FakeClock()
    silent = ScriptedProgram(lambda _order: [], clock)
    doctor = DataDoctor(program=silent, clock=clock, models_folder=tmp_path)

    with pytest.raises(DataNotExamined, match=f"after {PATIENCE_SECONDS:g} seconds"):
        doctor.check(order())

    assert silent.children[0].exit_code == -9


def test_a_program_that_cannot_be_started_is_said(doctor: DataDoctor, program: ScriptedProgram) -> None:
    program.start_error = OSError(13, "Permission denied")

    with pytest.raises(DataNotExamined, match="Permission denied"):
        doctor.check(order())


def test_the_demo_model_is_looked_for_in_the_workspace(
    doctor: DataDoctor, program: ScriptedProgram, tmp_path: Path
) -> None:
    with pytest.raises(DemoModelMissing):
        doctor.check(order(base_model={"path": "demo"}))

    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "config.json").touch()
    doctor.check(order(base_model={"path": "demo"}))

    heard = DataOrder.model_validate_json(program.children[-1].heard[0])
    assert heard.base_model is not None
    assert heard.base_model.path == str((tmp_path / "demo").resolve())


def test_offline_is_passed_on(program: ScriptedProgram, tmp_path: Path) -> None:
    DataDoctor(program=program, clock=FakeClock(), models_folder=tmp_path, is_hub_offline=True).check(order())

    assert program.environments[0]["HF_HUB_OFFLINE"] == "1"


@pytest.fixture
def line(workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    return installed(capsys, workspace, monkeypatch)


def remember(line: CommandLine, report: DataReport) -> list[DataOrder]:
    orders: list[DataOrder] = []

    def reply(text: str) -> Iterable[Said]:
        orders.append(DataOrder.model_validate_json(text))
        return [json.dumps({"report": report.model_dump(mode="json")}), 0]

    line.examine = reply
    return orders


def test_the_command_shows_tokens_that_can_be_read_without_colours(line: CommandLine) -> None:
    remember(line, REPORT)

    said = line.say("data", "check", "rows.jsonl", "--model", "org/tiny")

    assert said.code == 0
    assert r"row 4: ⟨<bos>⟩¦Hi\n[a¦b]{⟨<eos>⟩} ·2" in said.out
    assert "WARNING  The end of the answer lies behind training.max_length. (2 rows: 4, 5)  [answer-cut]" in said.out
    assert "1 of 3" not in said.out
    assert "2 of 3 rows are cut at max_length 4; proposed: 64" in said.out
    assert max(map(len, said.out.splitlines())) < 200


def test_the_command_tells_json_and_fails_on_errors(line: CommandLine) -> None:
    remember(line, REPORT.model_copy(update={"findings": (finding("nothing-learned", [1]),)}))

    said = line.say("data", "check", "rows.jsonl", "--json")

    assert said.code == 78
    told = json.loads(said.out)
    assert [item["id"] for item in told["findings"]] == ["nothing-learned"]
    assert [token["state"] for token in told["rows"][0]["tokens"]] == [
        "masked", "masked", "trained", "trained", "truncated", "padding", "padding"
    ]  # fmt: skip


def test_a_dataset_without_a_model_is_examined_without_tokens(line: CommandLine) -> None:
    orders = remember(line, REPORT)

    line.say("data", "check", "sample:demo.jsonl", "--rows", "7", "--show", "1", "--max-length", "99")

    assert orders[0].base_model is None
    assert (orders[0].num_rows, orders[0].show, orders[0].max_length) == (7, 1, 99)
    assert orders[0].dataset.path == "sample:demo.jsonl"


def test_an_order_is_examined_as_it_would_train(line: CommandLine, tmp_path: Path) -> None:
    orders = remember(line, REPORT)
    file = tmp_path / "run.yaml"
    file.write_text(
        "base_model: org/tiny\ndataset: rows.jsonl\nrecipe: {name: sft, answers_only: false}\n"
        "training: {max_length: 200, batch_size: 3, seed: 5}\n"
    )

    line.say("data", "check", file)
    line.say("data", "check", file, "--max-length", "300", "--model", "a: b/c")

    first, second = orders
    assert (first.folder, first.max_length, first.batch_size, first.seed) == (str(tmp_path), 200, 3, 5)
    assert first.recipe == Sft(answers_only=False)
    assert first.base_model is not None
    assert second.base_model is not None
    assert (first.base_model.path, second.base_model.path, second.max_length) == ("org/tiny", "a: b/c", 300)


def test_an_unknown_format_is_a_wrong_configuration(line: CommandLine) -> None:
    refused = line.say("data", "check", "rows.jsonl", "--format", "nonsense", "--json")

    assert (refused.code, refused.error()["id"]) == (78, "config-invalid")


def test_every_finding_has_its_words() -> None:
    for name, words in FINDINGS.items():
        assert all((words.what, words.why, words.fix)), name


def test_the_proposed_length_keeps_99_of_100_rows_whole() -> None:
    counts = [*range(1, 100), 5000]

    assert proposed(counts) == 128
    assert proposed([3]) == 64
    assert proposed([64] * 9) == 64
    assert proposed([65] * 9) == 128
    assert [percentile(counts, share) for share in (0.5, 0.99, 1.0)] == [50, 99, 5000]


def test_every_row_is_in_one_bin_of_the_histogram() -> None:
    counts = [3, 3, 17, 18, 400, 999]
    bins = histogram(counts)

    assert sum(item.num_rows for item in bins) == len(counts)
    assert len(bins) <= 12
    assert all(left.high == right.low for left, right in pairwise(bins))
    assert bins[0].low == 3
    assert bins[-1].high > 999


def test_packing_is_the_share_that_is_no_padding() -> None:
    assert fullness([10, 2, 10, 2], 2) == pytest.approx(24 / 40)
    assert fullness([2, 2, 10, 10], 2) == 1.0
    assert fullness([10, 2, 5], 2) == pytest.approx(17 / 25)
    found = lengths([10, 2, 10, 2], max_length=8, batch_size=2)
    assert found is not None
    assert (found.packing.padded, found.packing.grouped, found.num_cut) == (20 / 32, 1.0, 2)


@pytest.mark.parametrize(
    "text", ["naïve café \u2013 «QUOTÉ» É\u201d", "Ã la carte", "ÂÃ", "São Paulo, Ägypten", "日本語", "œuvre €5"]
)
def test_good_texts_are_not_garbled(text: str) -> None:
    assert garbled(text) is None


@pytest.mark.parametrize("text", ["café", "It\u2019s", "naïve", "日本", "Ünder"])
def test_texts_decoded_with_the_wrong_encoding_are_garbled(text: str) -> None:
    assert garbled(text) is None
    assert garbled(text.encode().decode("latin-1"))
    assert garbled(text.encode().decode("cp1252", errors="replace"))


def test_roles_that_nobody_knows_are_no_matter_of_order() -> None:
    assert role_problem({"messages": [{"role": "tool", "content": "x"}]}) is None
    assert role_problem({"messages": [{"from": "gpt", "value": "x"}]}) == (
        "turn 1 is of the assistant, expected one of the user"
    )


def test_how_far_the_program_is_can_be_heard(doctor: DataDoctor, program: ScriptedProgram) -> None:
    answer = json.dumps({"report": REPORT.model_dump(mode="json")})
    program.reply = lambda _order: ['{"progress": "Loading."}', '{"progress": "Reading."}', answer, 0]
    said: list[str] = []

    assert doctor.check(order(), said.append, may_fetch=False) == REPORT

    assert list(dict.fromkeys(said)) == ["Loading.", "Reading."]
    assert program.environments[0]["HF_HUB_OFFLINE"] == "1"


def test_whoever_does_not_want_to_hear_more_ends_the_program(doctor: DataDoctor, program: ScriptedProgram) -> None:
    program.reply = lambda _order: ['{"progress": "Loading."}']

    def enough(_said: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        doctor.check(order(), enough)

    assert program.children[0].exit_code == -9


def test_the_rows_of_a_hub_dataset_are_fetched_by_the_program(
    doctor: DataDoctor, program: ScriptedProgram, tmp_path: Path
) -> None:
    program.reply = says({"report": str(tmp_path)})

    doctor.fetch(DatasetPart(path="hub:org/chats", split="test"), tmp_path)

    heard = RowsOrder.model_validate_json(program.children[0].heard[0])
    assert (heard.dataset.split, heard.target) == ("test", str(tmp_path))


def test_a_report_that_cannot_be_read_is_said(doctor: DataDoctor, program: ScriptedProgram) -> None:
    program.reply = says({"report": {"nonsense": 1}})

    with pytest.raises(DataNotExamined, match="no report that can be read"):
        doctor.check(order())
