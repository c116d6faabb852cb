"""A word in the corner when a run ends that was at work while the page was open: once, and in plain text."""

import pytest
from streamlit.testing.v1 import AppTest

from app.marks import MarkKind, mark_of
from backend.containers import StudioContainer
from backend.domain.states import RunState, Wish
from backend.services.bundle import Services
from tests.app.conftest import component_told, open_page
from tests.fakes.runs import NOON, SUPERVISOR, a_run, a_transition

EVIL = "![x](http://127.0.0.1:9/beacon)"


def end(studio: StudioContainer, run_id: str, target: RunState) -> None:
    """As its supervisor does."""
    fence = studio.store().claim(run_id, SUPERVISOR).fence
    wish = Wish.PAUSE if target is RunState.PAUSED else Wish.STOP
    facts = {"run_id": run_id, "fence": fence, "at": NOON, "wish": wish, "error_id": "disk-full"}
    studio.store().apply(a_transition(RunState.RUNNING, target, **facts))


def toasts(at: AppTest) -> list[str]:
    return [toast.value.replace("\\", "") for toast in at.toast]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState.FINISHED, "has finished."),
        (RunState.FAILED, "has failed."),
        (RunState.STOPPED, "was stopped."),
        (RunState.PAUSED, "is paused, and needs you."),
    ],
)
@pytest.mark.usefixtures("services")
def test_an_end_is_told_once_on_whichever_page(studio: StudioContainer, state: RunState, words: str) -> None:
    studio.store().create(a_run("live", name=EVIL, state=RunState.RUNNING))
    at = open_page("machine")
    assert not at.toast
    end(studio, "live", state)
    assert toasts(at.run()) == [f"{EVIL} {words}"]
    assert EVIL not in at.toast[0].value
    assert not at.run().toast


def test_the_browser_is_given_what_was_told_only_if_a_setting_says_so(
    studio: StudioContainer, services: Services
) -> None:
    for run_id in ("one", "two", "three"):
        studio.store().create(a_run(run_id, name=EVIL, state=RunState.RUNNING))
    at = open_page("machine")
    end(studio, "one", RunState.FINISHED)
    assert not at.run().get("bidi_component")
    services.settings.set("desktop_notifications", True)
    assert [one["text"] for one in component_told(at.run(), "studio_notices")["told"]] == [f"{EVIL} has finished."]
    end(studio, "two", RunState.FAILED)
    told = component_told(at.run(), "studio_notices")["told"]
    assert [one["text"] for one in told] == [f"{EVIL} has finished.", f"{EVIL} has failed."]
    assert len({one["id"] for one in told}) == 2
    mark = component_told(at, "studio_watch")
    assert (mark["kind"], mark["mark"]) == ("endings", mark_of(services, MarkKind.ENDINGS).text)
    end(studio, "three", RunState.PAUSED)
    assert mark_of(services, MarkKind.ENDINGS).text != mark["mark"], "the page is drawn anew, also in the background"


@pytest.mark.usefixtures("services")
def test_what_ended_before_the_page_was_opened_is_no_news(studio: StudioContainer) -> None:
    studio.store().create(a_run("old", state=RunState.FINISHED, wish=Wish.STOP))
    at = open_page()
    assert not at.toast
    assert not at.run().toast


@pytest.mark.usefixtures("services")
def test_of_many_endings_some_are_named_and_a_deleted_run_is_none(studio: StudioContainer) -> None:
    for number in range(6):
        studio.store().create(a_run(f"live-{number}", name=f"Run {number}", state=RunState.RUNNING))
    at = open_page("machine")
    for number in range(5):
        end(studio, f"live-{number}", RunState.FINISHED)
    studio.store().delete("live-5")
    told = toasts(at.run())
    assert len(told) == 4
    assert told[-1] == "2 more runs have ended."
