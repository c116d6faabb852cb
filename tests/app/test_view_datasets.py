"""Datasets: the list, uploads, registered paths, and one dataset with its sections."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from backend.containers import StudioContainer
from backend.domain.data_checks import EncodedRow, Sample, Vocabulary, look
from backend.domain.data_findings import finding
from backend.domain.data_lengths import lengths
from backend.domain.data_report import DataOrder, DataReport, RowLook
from backend.services.bundle import Services
from backend.services.jobs import Job
from tests.app.conftest import component_told, open_page
from tests.fakes.clock import FakeClock
from tests.fakes.lines import Said, ScriptedProgram
from tests.fakes.runs import a_run

PATIENCE_SECONDS = 60.0
KNOWN = Vocabulary(bos=1, eos=2, pad=0, ends=frozenset({2}), special=frozenset({0, 1, 2}), texts={0: "<pad>"})
ROW = EncodedRow(3, (1, 7, 8, 9, 2), (-100, -100, 8, 9, 2))
TOKENS = look(ROW, Sample((ROW,), KNOWN, 4), ["<bos>", "Hi\n", "a*b", "<i>", "<eos>"], padded_to=6)


def jsonl(path: Path, count: int = 60) -> Path:
    lines = [json.dumps({"prompt": f"What is {i}?", "completion": f"It is {i}."}) for i in range(count)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "rows.jsonl")


@pytest.fixture
def listed(services: Services, rows: Path) -> str:
    return services.dataset_desk.registry.add(str(rows))


def texts(at: AppTest) -> str:
    return "\n".join(text.value for text in (*at.markdown, *at.caption, *at.info, *at.success, *at.warning, *at.error))


def settled(services: Services, at: AppTest) -> AppTest:
    """The page once nothing is being worked on any more; a browser's fragment would draw it again by itself."""
    for _, job in services.dataset_desk.jobs.running():
        assert job.wait(PATIENCE_SECONDS)
    return at.run()


def answers(studio: StudioContainer, tmp_path: Path, report: Callable[[DataOrder], DataReport]) -> list[DataOrder]:
    """Let a script answer for the examining program, on a machine with a demo model; the orders that it heard."""
    orders: list[DataOrder] = []

    def reply(text: str) -> Iterable[Said]:
        orders.append(DataOrder.model_validate_json(text))
        return ['{"progress": "Reading"}', json.dumps({"report": report(orders[-1]).model_dump(mode="json")}), 0]

    studio.examiner.override(providers.Object(ScriptedProgram(reply, FakeClock())))
    folder = studio.settings().models_folder / "demo"
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json"):
        (folder / name).touch()
    return orders


def a_report(**changes: Any) -> DataReport:
    facts: dict[str, Any] = {
        "path": "rows.jsonl",
        "format": "prompt_completion",
        "base_model": "demo",
        "num_rows": 60,
        "is_complete": True,
        "num_sampled": 60,
    }
    return DataReport(**(facts | changes))


def test_without_own_datasets_the_samples_are_offered(services: Services) -> None:
    at = settled(services, open_page("datasets"))
    assert not at.exception
    assert "None of your own yet" in texts(at)
    table = at.dataframe[0].value
    assert "demo.jsonl" in set(table["name"])
    assert table.set_index("name").loc["messages.jsonl", "format"] == "messages"
    assert table["rows"].min() > 0


def test_the_list_tells_who_uses_a_dataset(services: Services, studio: StudioContainer, listed: str) -> None:
    studio.store().create(a_run("one", dataset=listed))
    table = settled(services, open_page("datasets")).dataframe[0].value.set_index("name")
    assert table.loc["rows.jsonl", ["rows", "runs", "format"]].tolist() == [60, 1, "prompt_completion"]


def test_an_upload_is_opened_and_kept_once(services: Services, rows: Path) -> None:
    for told in ("was taken", "was there already"):
        at = open_page("datasets")
        at.file_uploader[0].upload("my rows.jsonl", rows.read_bytes())
        at.run()
        assert not at.exception
        assert at.title[0].value == r"my\-rows\.jsonl"
        assert told in texts(at)
        assert "60 rows" in texts(at)


def test_a_file_that_cannot_be_read_is_refused_with_its_line_and_nothing_is_kept(
    services: Services, studio: StudioContainer
) -> None:
    at = open_page("datasets")
    assert "a file" in texts(at)
    at.file_uploader[0].upload("bad.jsonl", b"not json\nneither\n")
    at.run()
    assert "row 1: no valid JSON" in at.error[0].value.replace("\\", "")
    assert list(studio.settings().datasets_folder.iterdir()) == []


def test_a_path_is_put_on_the_list_and_taken_off_again(services: Services, rows: Path) -> None:
    at = open_page("datasets")
    at.text_input(key="datasets-path").set_value(str(rows)).run()
    at.button(key="datasets-add-path").click().run()
    assert at.title[0].value == r"rows\.jsonl"
    at.button(key="datasets-remove").click().run()
    assert at.title[0].value == "Datasets"
    assert "rows.jsonl" not in set(at.dataframe[0].value["name"])
    assert rows.exists()


def test_a_path_into_the_system_is_refused(services: Services) -> None:
    at = open_page("datasets")
    at.text_input(key="datasets-path").set_value("/etc/hostname").run()
    at.button(key="datasets-add-path").click().run()
    assert "dataset-not-registered" in at.error[0].value.replace("\\", "")


def test_a_link_to_a_file_that_is_not_listed_reads_nothing_before_a_click(services: Services, rows: Path) -> None:
    at = open_page("datasets", dataset=str(rows))
    assert "dataset-not-listed" in at.error[0].value.replace("\\", "")
    assert not at.dataframe
    at.button(key="datasets-register").click().run()
    assert "60 rows" in texts(at)


def test_rows_are_shown_page_by_page_and_the_address_names_one(services: Services, listed: str) -> None:
    at = open_page("datasets", dataset=listed, row="31", page="2")
    assert not at.exception
    table = at.dataframe[0].value
    assert (next(iter(table["row"])), len(table)) == (26, 25)
    assert any("What is 30?" in code.value for code in at.code)
    at.number_input(key="row-of-rows").set_value(2).run()
    assert at.query_params["row"] == ["2"] or at.query_params["row"] == "2"
    assert any("What is 1?" in code.value for code in at.code)


def test_rows_are_found_by_text_and_by_pattern(services: Services, listed: str) -> None:
    at = open_page("datasets", dataset=listed, find="it is 7.")
    assert "1 of 60 rows" in texts(at)
    assert list(at.dataframe[0].value["row"]) == [8]
    at.text_input(key="find").set_value(r"is \d\?").run()
    at.toggle(key="pattern").set_value(True).run()
    at = settled(services, at)
    assert "10 of 60 rows" in texts(at)
    at.text_input(key="find").set_value("(").run()
    at = settled(services, at)
    assert "search-pattern-refused" in "\n".join(box.value for box in at.error).replace("\\", "")


def test_columns_of_other_names_are_mapped_once_for_all(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("frage,antwort\nWas ist 1?,Eins.\nWas ist 2?,Zwei.\n")
    listed = services.dataset_desk.registry.add(str(path))
    at = open_page("datasets", dataset=listed)
    assert "dataset-format-unknown" in at.error[0].value.replace("\\", "")
    at.selectbox(key="mapping-format").set_value("prompt_completion").run()
    at.selectbox(key="mapping-prompt").set_value("frage").run()
    at.selectbox(key="mapping-completion").set_value("antwort").run()
    assert not at.error
    again = open_page("datasets", dataset=listed)
    assert any(code.value == "Eins." for code in again.code)
    again.button(key="datasets-train").click().run()
    draft = services.states.of(again.session_state["studio-session-id"]).state.training.draft
    assert draft["dataset"]["columns"] == {"prompt": "frage", "completion": "antwort"}


def test_a_row_that_cannot_be_read_says_why(services: Services, rows: Path) -> None:
    rows.write_text(rows.read_text() + "not json\n")
    at = open_page("datasets", dataset=services.dataset_desk.registry.add(str(rows)), row="61")
    assert "no valid JSON" in texts(at)
    assert "not readable: 1" in texts(at)


def test_a_dataset_that_cannot_be_read_at_all_is_an_error_with_a_way_back(services: Services, tmp_path: Path) -> None:
    path = tmp_path / "half.parquet"
    path.write_bytes(b"PAR1 and no more")
    at = open_page("datasets", dataset=services.dataset_desk.registry.add(str(path)))
    assert "dataset-unreadable" in at.error[0].value.replace("\\", "")
    assert at.button(key="datasets-back").click().run().title[0].value == "Datasets"


def test_a_file_that_changes_is_read_again(services: Services, listed: str, rows: Path) -> None:
    assert "60 rows" in texts(open_page("datasets", dataset=listed))
    jsonl(rows, 61)
    assert "61 rows" in texts(open_page("datasets", dataset=listed))


def test_a_hub_dataset_is_only_fetched_on_a_click(studio: StudioContainer) -> None:
    heard: list[str] = []

    def refuse(text: str) -> Iterable[Said]:
        heard.append(text)
        error = {"id": "dataset-hub-offline", "what": "No network.", "why": "None.", "fix": "Wait.", "at": "now"}
        return [json.dumps({"error": error, "exit_code": 69}), 69]

    studio.examiner.override(providers.Object(ScriptedProgram(refuse, FakeClock())))
    services = studio.services()
    at = open_page("datasets")
    at.text_input(key="datasets-hub").set_value("org/chats").run()
    at.text_input(key="datasets-split").set_value("test").run()
    at.button(key="datasets-add-hub").click().run()
    assert "split test" in texts(at)
    assert heard == []
    at.button(key="datasets-fetch").click().run()
    at = settled(services, at)
    assert json.loads(heard[0])["dataset"]["split"] == "test"
    assert "dataset-hub-offline" in at.error[0].value.replace("\\", "")


def test_the_microscope_shows_tokens_with_their_states(studio: StudioContainer, rows: Path, tmp_path: Path) -> None:
    told = RowLook(number=3, tokens=TOKENS, text="<bos>Hi")
    packed = lengths([5, 3], max_length=4, batch_size=2)
    orders = answers(studio, tmp_path, lambda _: a_report(rows=(told,), lengths=packed, template="{{ x }}"))
    services = studio.services()
    at = open_page(
        "datasets", dataset=services.dataset_desk.registry.add(str(rows)), section="tokens", row="3", batch="2"
    )
    at.button(key="tokens-look").click().run()
    at = settled(services, at)
    assert not at.exception
    shown = component_told(at, "studio_tokens")["rows"][0]
    assert [token[2] for token in shown["tokens"]] == [
        "masked", "masked", "trained", "trained", "truncated", "padding", "padding"
    ]  # fmt: skip
    assert shown["title"] == "Row 3: 5 tokens, 2 trained on, 1 cut off, 2 padding"
    assert [row.place for row in orders[0].given] == list(range(1, 17))
    assert orders[0].dataset.format == "prompt_completion"
    assert list(at.dataframe[0].value["Id"]) == [1, 7, 8, 9, 2, 0, 0]
    at.button(key="tokens-on").click().run()
    assert at.number_input(key="row-of-tokens").value == 5
    assert len(orders) == 1
    assert not any(button.key == "tokens-look" for button in at.button)


def test_without_a_tokenizer_the_microscope_says_where_one_comes_from(services: Services, listed: str) -> None:
    at = open_page("datasets", dataset=listed, section="tokens")
    assert "no base model on this machine" in texts(at)
    assert not at.exception


def test_findings_lead_to_their_rows_and_to_a_cleaned_copy(studio: StudioContainer, rows: Path, tmp_path: Path) -> None:
    rows.write_text(rows.read_text() + rows.read_text().splitlines()[0] + "\n")
    found = (finding("answer-cut", [12, 13], max_length=4, proposed=64), finding("rows-repeated", which="1 row"))
    orders = answers(studio, tmp_path, lambda _: a_report(findings=found, overlong=(12,)))
    services = studio.services()
    path = services.dataset_desk.registry.add(str(rows))
    at = open_page("datasets", dataset=path, section="doctor")
    at.button(key="doctor-examine").click().run()
    at = settled(services, at)
    assert "May spoil training: 1" in texts(at)
    names = [button.key for button in at.button if "-row-" in str(button.key)]
    assert names == ["finding-warning-0-row-12", "finding-warning-0-row-13"]
    at.multiselect(key="clean-removals").set_value(
        ["equals an earlier row", "is longer than the tokens that a row may have"]
    ).run()
    at.button(key="clean-write").click().run()
    at = settled(services, at)
    assert "59 of 61 rows" in texts(at)
    assert orders[-1].num_rows == 100_000
    assert len(rows.read_text().splitlines()) == 61
    at.button(key="finding-warning-0-row-12").click().run()
    assert at.segmented_control(key="datasets-section").value == "rows"
    assert at.number_input(key="row-of-rows").value == 12


def test_a_split_is_written_and_can_be_trained_with(services: Services, listed: str) -> None:
    at = open_page("datasets", dataset=listed, section="make")
    at.button(key="split-write").click().run()
    at = settled(services, at)
    assert "54 of 60 rows" in texts(at)
    assert "6 of 60 rows" in texts(at)
    at.button(key="split-train").click().run()
    assert at.title[0].value == "Train"
    draft = services.states.of(at.session_state["studio-session-id"]).state.training.draft
    assert draft["dataset"]["path"].endswith("rows-train.jsonl")
    assert draft["dataset"]["validation_path"].endswith("rows-validation.jsonl")


def test_a_mixture_is_counted_and_becomes_the_order(services: Services, listed: str) -> None:
    at = open_page("datasets", dataset=listed, section="make")
    at.multiselect(key="mix-others").set_value(["sample:demo.jsonl"]).run()
    at.number_input(key="mix-weight-sample:demo.jsonl").set_value(0.5).run()
    at.button(key="mix-count").click().run()
    at = settled(services, at)
    assert not at.exception
    assert int(at.metric[0].value.replace(",", "")) > 60
    at.button(key="mix-train").click().run()
    draft = services.states.of(at.session_state["studio-session-id"]).state.training.draft
    assert draft["dataset"]["path"] == listed
    assert draft["dataset"]["mix"][0] == {"path": "sample:demo.jsonl", "weight": 0.5}


def test_versions_tell_which_runs_used_other_rows(
    services: Services, studio: StudioContainer, listed: str, rows: Path
) -> None:
    config = services.configs.parse({"base_model": "demo", "dataset": listed, "method": "lora"})
    for name, told in (("old", "0" * 64), ("new", None)):
        run = a_run(name, name=name, dataset=listed, run_dir=studio.settings().runs_folder / name)
        place = run.run_dir / "checkpoints" / "checkpoint-4"
        place.mkdir(parents=True)
        (run.run_dir / "run.yaml").write_text(services.configs.dump(config))
        now = services.dataset_desk.tables.read(services.dataset_desk.registry.find(listed).part).facts.fingerprint
        (place / "progress.json").write_text(json.dumps({"step": 4, "dataset": told or now}))
        studio.store().create(run)
    at = settled(services, open_page("datasets", dataset=listed, section="versions"))
    assert "changed since the run old" in texts(at).replace("\\", "")
    table = at.dataframe[0].value.set_index("Run")
    assert table["Rows"].to_dict() == {"old": "changed since", "new": "the same rows as now"}


def test_work_that_takes_long_is_shown_and_can_be_cancelled(services: Services, listed: str) -> None:
    def work(job: Job) -> None:
        while True:
            job.tell("half of it", 0.5)

    job = services.dataset_desk.jobs.start(("datasets", "test"), "A long job", work)
    at = open_page("datasets", dataset=listed)
    button = next(button for button in at.button if str(button.key).startswith("job-cancel"))
    button.click().run()
    assert job.wait(PATIENCE_SECONDS)


def test_hostile_rows_names_and_columns_are_not_interpreted(services: Services, tmp_path: Path) -> None:
    evil = "![x](http://evil.example/a.png)<script>"
    path = tmp_path / "![x](evil).jsonl"
    path.write_text((json.dumps({"prompt": evil, "completion": evil, evil: evil}) + "\n") * 3)
    listed = services.dataset_desk.registry.add(str(path))
    for section in ("rows", "doctor", "versions", "make"):
        at = settled(services, open_page("datasets", dataset=listed, section=section))
        assert not at.exception
        shown = [text.value for text in (*at.title, *at.markdown, *at.caption, *at.error, *at.warning)]
        assert not any("](" in text for text in shown), section
