"""Runs: table, filters in the address, and what can be done with one run."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.views import runs
from backend.containers import StudioContainer
from backend.domain.run import Attempt, Origin
from backend.domain.run_view import RunView
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from tests.app.conftest import open_page
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


def test_the_queue_tells_its_order_and_what_each_waits_for(queue: None, services: Services) -> None:
    at = open_page("runs")
    assert not at.exception
    words = [text.value for text in at.markdown]
    rows = [
        words.index(row)
        for row in ("1\\. **\\*first\\***", "2\\. **\\*second\\***", ":gray-badge[held] **\\*later\\***")
    ]
    assert rows == sorted(rows)
    captions = [text.value for text in at.caption]
    assert captions.count("Waits until the CPU is free\\.") == 3
    assert at.button(key="queue-up-first").disabled
    assert at.button(key="queue-down-third").disabled


def test_waiting_runs_are_moved_held_and_released(queue: None, services: Services) -> None:
    at = open_page("runs")
    at.button(key="queue-up-third").click().run()
    assert line_of(services) == ["first", "third", "second"]
    at.button(key="queue-down-first").click().run()
    assert line_of(services) == ["third", "first", "second"]
    at.button(key="queue-hold-third").click().run()
    assert line_of(services) == ["first", "second"]
    assert services.status.show("third").state is RunState.PAUSED
    at.button(key="queue-release-later").click().run()
    assert line_of(services) == ["first", "second", "later"]
    assert not at.exception


def test_without_waiting_runs_no_queue_is_drawn(folder: Path) -> None:
    assert "Queue" not in [heading.value for heading in open_page("runs").subheader]


def test_a_run_that_has_begun_is_paused_not_held(queue: None, studio: StudioContainer, services: Services) -> None:
    begun = (Attempt(1, "token", NOON, ended_at=NOON, reason="stopped on request"),)
    folder = studio.settings().runs_folder
    for run_id, wish in (("again", Wish.RUN), ("paused", Wish.PAUSE)):
        (folder / run_id).mkdir()
        facts = {"state": RunState.PAUSED, "wish": wish, "attempts": begun, "run_dir": folder / run_id}
        studio.store().create(a_run(run_id, **facts))
    services.processes.reconcile()
    at = open_page("runs")
    assert at.button(key="queue-hold-again").label == "Pause"
    assert at.button(key="queue-hold-first").label == "Hold"
    assert "queue-release-paused" not in [button.key for button in at.button]
    at.button(key="queue-hold-again").click().run()
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
