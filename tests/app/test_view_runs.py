"""Runs: table, filters in the address, and what can be done with one run."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from app.components import run_queue
from app.components.queue_list import move_in
from app.components.run_queue import resources
from app.views import runs
from backend.containers import StudioContainer
from backend.domain.heartbeat import Heartbeat
from backend.domain.run import Attempt, Origin
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from backend.services.run_facts import KnownFacts, RunFactsService
from backend.store.checkpoints import MANIFEST, write_manifest_text
from backend.store.run_files import LocalRunFiles
from tests.app.conftest import component_told, open_page
from tests.fakes.clock import FakeClock
from tests.fakes.event_bytes import scalar, version, write
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import NOON, a_run

STATES = {"one": RunState.FINISHED, "two": RunState.FAILED, "three": RunState.STOPPED, "four": RunState.RUNNING}


@pytest.fixture
def folder(studio: StudioContainer, services: Services) -> Path:
    folder = studio.settings().runs_folder
    for run_id, state in STATES.items():
        wish = Wish.RUN if state is RunState.RUNNING else Wish.STOP
        tags = ("keep",) if run_id == "one" else ()
        run = a_run(run_id, name=f"Run {run_id}", state=state, wish=wish, run_dir=folder / run_id, tags=tags)
        run.run_dir.mkdir(parents=True)
        studio.store().create(run)
    return folder


def names(at: AppTest) -> set[str]:
    return set(at.dataframe[0].value["name"])


@pytest.fixture
def selected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """AppTest cannot select rows: the table is drawn, and the runs of this list count as selected."""
    wanted: list[str] = []
    table = runs.run_table

    def choose(views: tuple[RunView, ...], *facts: Any) -> list[RunView]:
        table(views, *facts)
        return [view for view in views if view.id in wanted]

    monkeypatch.setattr(runs, "run_table", choose)
    return wanted


def test_without_runs_there_is_a_way_to_start_one(services: Services) -> None:
    at = open_page("runs")
    assert at.button(key="runs-start").click().run().title[0].value == "Train"


def test_all_runs_are_listed(folder: Path) -> None:
    assert names(open_page("runs")) == {"Run one", "Run two", "Run three", "Run four"}


@pytest.mark.parametrize(
    ("status", "found"),
    [("failed", {"Run two"}), ("active", {"Run four"}), ("finished", {"Run one"}), ("nonsense", None)],
)
def test_the_address_filters_by_state(folder: Path, status: str, found: set[str] | None) -> None:
    at = open_page("runs", status=status)
    assert not at.exception
    assert names(at) == (found or {"Run one", "Run two", "Run three", "Run four"})


def test_search_looks_at_names_tags_and_the_rest(folder: Path) -> None:
    assert names(open_page("runs", search="keep")) == {"Run one"}
    at = open_page("runs")
    assert names(at.text_input(key="search").set_value("LORA thr").run()) == {"Run three"}


def test_a_search_without_matches_says_so(folder: Path) -> None:
    at = open_page("runs", search="zzz")
    assert not at.dataframe
    assert "No run matches" in at.info[0].value


def test_what_is_not_possible_is_disabled(folder: Path, selected: list[str], studio: StudioContainer) -> None:
    expected = {
        "one": {"run-monitor", "run-edit", "run-delete"},
        "two": {"run-monitor", "run-resume", "run-edit", "run-delete"},
        "four": {"run-monitor", "run-pause", "run-stop", "run-edit"},
        "five": {"run-monitor", "run-resume", "run-stop", "run-edit", "run-delete"},
    }
    paused = a_run("five", state=RunState.PAUSED, wish=Wish.PAUSE, run_dir=folder / "five")
    studio.store().create(paused)
    over, hold = (":material/restart_alt:", "Start over"), (":material/pause_circle:", "Pause, keep the place")
    now, more = (":material/bolt:", "Stop now"), (":material/add_circle:", "Extend")
    menus = {"one": [more, over], "two": [over], "four": [hold, now, over], "five": [over]}
    for run_id, possible in expected.items():
        selected[:] = [run_id]
        at = open_page("runs")
        enabled = {button.key for button in at.button if not button.disabled and str(button.key).startswith("run-")}
        assert enabled == possible, run_id
        assert at.menu_button(key="run-more").options == [f"{icon} {label}" for icon, label in menus[run_id]]


def test_a_run_is_asked_in_chat_as_soon_as_it_has_a_checkpoint(folder: Path, selected: list[str]) -> None:
    selected[:] = ["two"]
    assert open_page("runs").button(key="run-chat").disabled
    place = folder / "two" / "checkpoints" / "checkpoint-5"
    place.mkdir(parents=True)
    (place / "adapter_model.safetensors").write_bytes(b"")
    (place / MANIFEST).write_text(write_manifest_text(place, 5))
    at = open_page("runs").button(key="run-chat").click().run()
    assert at.title[0].value == "Chat"
    assert at.query_params["run"] in ("two", ["two"])


def test_pausing_is_a_wish_that_may_keep_the_device(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["four"]
    open_page("runs").button(key="run-pause").click().run()
    assert services.status.show("four").wish is Wish.PAUSE
    services.training.resume("four")
    open_page("runs").menu_button(key="run-more").click("Pause, keep the place").run()
    run = services.status.show("four").run
    assert (run.wish, run.keeps_slot) == (Wish.PAUSE, True)


def test_stopping_at_once_asks_first(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["four"]
    at = open_page("runs")
    at.menu_button(key="run-more").click("Stop now").run()
    assert "everything so far is lost" in " ".join(text.value for text in at.markdown)
    assert services.status.show("four").wish is Wish.RUN
    at.button(key="stop-now-yes").click().run()
    assert services.status.show("four").wish is Wish.STOP_NOW


def test_starting_over_asks_first_and_leads_to_the_new_run(
    folder: Path, selected: list[str], services: Services, studio: StudioContainer
) -> None:
    (folder / "two" / "run.yaml").write_text("base_model: demo\ndataset: sample:demo.jsonl\n")
    selected[:] = ["two"]
    at = open_page("runs")
    at.menu_button(key="run-more").click("Start over").run()
    assert len(services.status.list()) == len(STATES)
    at.button(key="start-over-yes").click().run()
    assert not at.exception
    (new,) = (view for view in services.status.list() if view.id not in STATES)
    assert new.run.origin == Origin("two", "start-over")
    assert at.query_params["run"] == new.id


def test_stop_and_resume_are_wishes(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["four"]
    open_page("runs").button(key="run-stop").click().run()
    assert services.status.show("four").wish is Wish.STOP
    selected[:] = ["two"]
    open_page("runs").button(key="run-resume").click().run()
    assert services.status.show("two").wish is Wish.RUN


def test_open_in_monitor_goes_to_the_run(folder: Path, selected: list[str]) -> None:
    selected[:] = ["one"]
    at = open_page("runs")
    at.button(key="run-monitor").click().run()
    assert at.query_params["run"] == "one"


def test_name_notes_and_tags_can_be_edited(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["one"]
    at = open_page("runs")
    at.button(key="run-edit").click().run()
    at.text_input(key="edit-name-one").set_value(" Best ")
    at.text_area(key="edit-notes-one").set_value("seen")
    at.button(key="edit-save").click().run()
    assert not at.exception
    run = services.status.show("one").run
    assert (run.name, run.notes, run.tags) == ("Best", "seen", ("keep",))


def test_deleting_asks_first_and_says_where_the_folder_went(
    folder: Path, selected: list[str], services: Services
) -> None:
    selected[:] = ["one"]
    at = open_page("runs")
    at.button(key="run-delete").click().run()
    assert (folder / "one").is_dir()
    assert "trash" in " ".join(text.value for text in at.markdown)
    at.button(key="delete-yes").click().run()
    assert "one" not in {view.id for view in services.status.list()}
    (moved,) = (folder.parent / "trash").iterdir()
    assert moved.name.startswith("one-")
    assert "trash" in at.success[0].value


def test_a_run_that_may_not_be_deleted_any_more_is_explained(
    folder: Path, selected: list[str], services: Services, studio: StudioContainer
) -> None:
    selected[:] = ["two"]
    at = open_page("runs")
    at.button(key="run-delete").click().run()
    studio.store().set_wish("two", Wish.RUN, "meanwhile")
    at.button(key="delete-yes").click().run()
    assert "run\\-active" in at.error[0].value
    assert (folder / "two").is_dir()


@pytest.fixture
def queue(studio: StudioContainer, services: Services) -> None:
    """One at work, three that wait, one that is held back."""
    folder = studio.settings().runs_folder
    for number, run_id in enumerate(("work", "first", "second", "third", "later")):
        state = RunState.RUNNING if run_id == "work" else RunState.CREATED
        wish = Wish.PAUSE if run_id == "later" else Wish.RUN
        at = NOON + timedelta(seconds=number)
        run = a_run(run_id, name=f"*{run_id}*", state=state, wish=wish, run_dir=folder / run_id, queued_at=at)
        run.run_dir.mkdir(parents=True)
        studio.store().create(run)
    services.processes.reconcile()


def line_of(services: Services) -> list[str]:
    return [run.id for run in services.queue.waiting().line]


def queue_told(at: AppTest) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = component_told(at, "studio_queue")["rows"]
    return rows


def test_the_queue_tells_its_order_and_what_each_waits_for(queue: None, services: Services) -> None:
    at = open_page("runs")
    assert not at.exception
    rows = queue_told(at)
    assert [(row["id"], row["name"]) for row in rows] == [(one, f"*{one}*") for one in ("first", "second", "third")]
    assert {(row["waits"], row["resources"], row["hold"]) for row in rows} == {
        ("Waits until the CPU is free.", "CPU", "Hold")
    }
    assert ":gray-badge[held] **\\*later\\***: Held back" in " ".join(text.value for text in at.markdown)


def test_a_held_run_is_released(queue: None, services: Services) -> None:
    at = open_page("runs").button(key="queue-release-later").click().run()
    assert not at.exception
    assert line_of(services) == ["first", "second", "third", "later"]
    assert [row["id"] for row in queue_told(at)] == line_of(services)


def test_what_a_run_needs_is_read_in_its_order(queue: None, services: Services, studio: StudioContainer) -> None:
    order = "base_model: demo\ndevices: {processes: 2, memory_bytes: 20000000000}\n"
    (studio.settings().runs_folder / "second" / "run.yaml").write_text(order)
    waiting = services.queue.waiting().line
    needs = services.queue.needs(waiting, has_gpus=True)
    assert [resources(needs[run.id]) for run in waiting] == ["1 GPU", "2 GPUs, 20 GB each", "1 GPU"]
    assert services.queue.needs(waiting, has_gpus=True) == needs
    assert {resources(need) for need in services.queue.needs(waiting, has_gpus=False).values()} == {"CPU"}


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ({"run": "first", "place": 3}, ("first", 3)),
        ({"run": "stranger", "place": 1}, None),
        ({"run": "first", "place": "1"}, None),
        ({"run": ["first"], "place": 1}, None),
        ({}, None),
        ("first", None),
        (None, None),
    ],
)
def test_only_a_run_of_the_list_and_a_number_are_a_move(message: object, found: tuple[str, int] | None) -> None:
    assert move_in(message, ["first", "second"]) == found


def test_without_waiting_runs_no_queue_is_drawn(folder: Path) -> None:
    assert "Queue" not in [heading.value for heading in open_page("runs").header]


def test_a_run_that_has_begun_is_paused_not_held(queue: None, studio: StudioContainer, services: Services) -> None:
    begun = (Attempt(1, "token", NOON, ended_at=NOON, reason="stopped on request"),)
    folder = studio.settings().runs_folder
    for run_id, wish in (("again", Wish.RUN), ("paused", Wish.PAUSE)):
        (folder / run_id).mkdir()
        facts = {"state": RunState.PAUSED, "wish": wish, "attempts": begun, "run_dir": folder / run_id}
        studio.store().create(a_run(run_id, **facts))
    services.processes.reconcile()
    at = open_page("runs")
    assert {row["id"]: row["hold"] for row in queue_told(at)}["again"] == "Pause"
    assert {row["id"]: row["hold"] for row in queue_told(at)}["first"] == "Hold"
    assert "queue-release-paused" not in [button.key for button in at.button]
    services.queue.hold("again")
    at.run()
    paused = services.status.show("again")
    assert (paused.state, paused.run.message) == (RunState.PAUSED, "Paused on request, while it waited for its turn.")
    assert "queue-release-again" not in [button.key for button in at.button]


def test_each_run_has_its_own_colour(folder: Path) -> None:
    dots = list(open_page("runs").dataframe[0].value["color"])
    assert len(set(dots)) == len(STATES)
    assert all(found.startswith("data:image/svg+xml,") for found in dots)


@pytest.mark.parametrize(("button", "title"), [("runs-curves", "Curves"), ("runs-compare", "Compare")])
def test_several_runs_are_looked_at_together(folder: Path, selected: list[str], button: str, title: str) -> None:
    selected[:] = ["one", "three"]
    at = open_page("runs")
    assert "2 runs" in " ".join(found.value for found in at.markdown)
    at.button(key=button).click().run()
    assert not at.exception
    assert at.title[0].value == title
    shown = next(found.value for found in at.multiselect if str(found.key).endswith("-runs"))
    assert {source.removeprefix("run:") for source in shown} == {"one", "three"}


def test_one_run_can_be_opened_in_curves(folder: Path, selected: list[str]) -> None:
    selected[:] = ["two"]
    at = open_page("runs").button(key="runs-curves").click().run()
    assert at.multiselect(key="curves-runs").value == ["run:two"]


def values(at: AppTest, column: str) -> list[Any]:
    return list(at.dataframe[0].value[column])


@pytest.fixture
def orders(folder: Path, services: Services) -> Path:
    """Each run with an order of its own and a last loss, all of them read by now."""
    for number, run_id in enumerate(STATES, 1):
        order = f"base_model: demo\ndataset: sample:demo.jsonl\ntraining: {{batch_size: {number}}}\n"
        (folder / run_id / "run.yaml").write_text(order)
        write(folder / run_id / "tensorboard", "1.a.1", [version(), scalar(1, 5.0 - number, "eval/loss")])
    while services.facts.known(services.status.list()).num_left:
        services.facts.wait(1)
    return folder


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"tag": "keep"}, {"Run one"}),
        ({"method": "lora", "status": "failed"}, {"Run two"}),
        ({"since": "2025-12-31", "until": "2026-01-02"}, {"Run one", "Run two", "Run three", "Run four"}),
    ],
)
def test_every_filter_can_stand_in_the_address(folder: Path, query: dict[str, str], found: set[str]) -> None:
    at = open_page("runs", **query)
    assert not at.exception
    assert names(at) == found
    assert any(text.value.startswith("Filtered by ") for text in at.text)


def test_filters_that_hide_runs_are_told_and_cleared(folder: Path) -> None:
    at = open_page("runs", tag="keep", since="2025-12-31")
    at.button(key="runs-clear").click().run()
    assert len(names(at)) == len(STATES)
    assert "runs-clear" not in [button.key for button in at.button]


def test_a_day_on_which_nothing_was_created_finds_nothing(folder: Path) -> None:
    assert "No run matches" in open_page("runs", until="2025-12-30").info[0].value


def test_columns_of_settings_and_metrics_are_chosen_in_the_address_and_sort(orders: Path) -> None:
    at = open_page("runs", columns="training.batch_size", sort="eval/loss", ascending="true")
    assert not at.exception
    assert values(at, "training.batch_size") == [4, 3, 2, 1]
    at = open_page("runs", sort="training.batch_size", ascending="true")
    assert values(at, "name") == ["Run one", "Run two", "Run three", "Run four"]


def test_the_chosen_columns_stay_for_the_session_and_are_kept(orders: Path, services: Services) -> None:
    at = open_page("runs")
    at.multiselect(key="columns").set_value(["eval/loss", "state"]).run()
    assert list(at.dataframe[0].value.columns) == ["color", "name", "eval/loss", "state"]
    assert sorted(values(at, "eval/loss")) == [1.0, 2.0, 3.0, 4.0]
    later = open_page("runs")
    assert list(later.dataframe[0].value.columns) == ["color", "name", "eval/loss", "state"]
    assert later.multiselect(key="columns").value == ["eval/loss", "state"]
    later.run()
    assert later.multiselect(key="columns").value == ["eval/loss", "state"]


def test_the_search_finds_any_setting(orders: Path) -> None:
    assert names(open_page("runs", search="batch_size=3")) == {"Run three"}


def test_an_unknown_column_is_empty_and_no_error(orders: Path) -> None:
    at = open_page("runs", columns="![x](http://example.org)", sort="nonsense")
    assert not at.exception
    assert at.dataframe[0].value["![x](http://example.org)"].isna().all()


def test_settings_that_are_still_being_read_are_announced(
    folder: Path, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = KnownFacts({}, len(STATES), 0)
    monkeypatch.setattr(RunFactsService, "known", lambda *_: waiting)
    at = open_page("runs", columns="training.batch_size")
    assert "The settings of 4 runs are being read" in " ".join(caption.value for caption in at.caption)


def test_runs_are_grouped_by_tag_with_their_states(orders: Path) -> None:
    at = open_page("runs", group="tags", columns="eval/loss")
    table = at.dataframe[0].value.set_index("group")
    assert table.loc["keep", "Finished"] == 1
    assert table.loc["no tag", "Runs"] == 3
    assert table.loc["no tag", "eval/loss"] == 1.0
    assert table.loc["no tag", "Active"] == 1


def test_deleting_many_asks_first_and_says_which_stay(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["one", "two", "four"]
    at = open_page("runs")
    at.button(key="runs-delete").click().run()
    told = "\n".join(text.value for text in (*at.text, *at.markdown, *at.caption))
    assert "2 runs will leave this list" in told
    assert "1 run of the selection stay as they are" in told
    assert len(services.status.list()) == len(STATES)
    at.button(key="bulk-delete-yes").click().run()
    assert not at.exception
    assert {view.id for view in services.status.list()} == {"three", "four"}
    assert at.success[0].value == "2 runs were moved to the trash\\."
    assert len(list((folder.parent / "trash").iterdir())) == 2


def test_deleting_many_can_be_left(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["one", "two"]
    at = open_page("runs")
    at.button(key="runs-delete").click().run()
    at.button(key="bulk-delete-no").click().run()
    assert len(services.status.list()) == len(STATES)


def test_stopping_many_stops_those_that_go_on(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["one", "four"]
    at = open_page("runs")
    at.button(key="runs-stop").click().run()
    at.button(key="bulk-stop-yes").click().run()
    assert services.status.show("four").wish is Wish.STOP
    assert at.success[0].value == "1 run was asked to stop\\."


def test_tags_are_given_to_many_and_taken_away(folder: Path, selected: list[str], services: Services) -> None:
    selected[:] = ["one", "two"]
    at = open_page("runs")
    at.button(key="runs-tag").click().run()
    at.multiselect(key="bulk-tags-remove").set_value(["keep"])
    services.library.annotate("three", tags=["paper"])
    at.button(key="bulk-tag-yes").click().run()
    assert services.status.show("one").run.tags == ()
    selected[:] = ["one", "three"]
    at = open_page("runs")
    at.button(key="runs-tag").click().run()
    at.multiselect(key="bulk-tags-add").set_value(["paper"])
    at.button(key="bulk-tag-yes").click().run()
    assert services.status.show("one").run.tags == ("paper",)


def test_what_one_run_refuses_does_not_keep_the_others(
    folder: Path, selected: list[str], services: Services, studio: StudioContainer
) -> None:
    selected[:] = ["one", "two"]
    at = open_page("runs")
    at.button(key="runs-delete").click().run()
    studio.store().set_wish("two", Wish.RUN, "meanwhile")
    at.button(key="bulk-delete-yes").click().run()
    assert "1 run was moved to the trash\\. 1 could not be" in at.success[0].value


def test_a_queue_that_is_longer_than_the_list_can_be_ordered_by_place(
    queue: None, services: Services, studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_queue, "MOST_ROWS", 3)
    run_dir = studio.settings().runs_folder / "fourth"
    run_dir.mkdir()
    at = NOON + timedelta(seconds=9)
    studio.store().create(a_run("fourth", run_dir=run_dir, queued_at=at))
    services.processes.reconcile()
    page = open_page("runs")
    assert [row["id"] for row in queue_told(page)] == ["first", "second", "third"]
    page.selectbox(key="queue-place-run").set_value("fourth")
    page.number_input(key="queue-place-number").set_value(2)
    page.button(key="queue-place-move").click().run()
    assert line_of(services) == ["first", "fourth", "second", "third"]


def test_a_thousand_runs_are_one_page_and_more_are_several(
    services: Services, studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "ROWS_OF_A_PAGE", 2)
    for number in range(5):
        studio.store().create(a_run(f"run-{number}", name=f"Run {number}", state=RunState.FINISHED, wish=Wish.STOP))
    at = open_page("runs", page="3", sort="name", ascending="true")
    assert values(at, "name") == ["Run 4"]
    at.number_input(key="page").set_value(1).run()
    assert values(at, "name") == ["Run 0", "Run 1"]


class CountingFiles(LocalRunFiles):
    """Counts how often a run's folder is looked into."""

    def __init__(self) -> None:
        self.num_looks = 0

    def heartbeat(self, run_dir: Path) -> Heartbeat | None:
        self.num_looks += 1
        return super().heartbeat(run_dir)


def test_a_thousand_runs_are_drawn_without_looking_into_their_folders_again(studio: StudioContainer) -> None:
    store, files = FakeRunStore(FakeClock()), CountingFiles()
    for number in range(1_000):
        at = NOON + timedelta(minutes=number)
        facts = {"state": RunState.FINISHED, "wish": Wish.STOP, "created_at": at}
        store.create(a_run(f"run-{number:04}", name=f"Run {number}", **facts))
    studio.store.override(providers.Object(store))
    studio.files.override(providers.Object(files))
    page = open_page("runs")
    assert len(page.dataframe[0].value) == 1_000
    assert files.num_looks == 1_000
    page.radio(key="status").set_value("finished").run()
    page.selectbox(key="sort").set_value("name").run()
    assert len(page.dataframe[0].value) == 1_000
    assert files.num_looks == 1_000
    assert names(open_page("runs", search="Run 999")) == {"Run 999"}
