"""Unfinished forms: kept one by one, brought back after anything, forgotten only when somebody says so."""

import pytest

from backend.domain.actions import finish_draft, replace_draft, revise_draft, set_sweep
from backend.domain.application_state import SweepForm
from backend.services.drafts import MOST_KEPT, PREFIX, Drafts
from backend.services.state_manager import StateManager
from backend.services.state_managers import StateManagers
from backend.store.errors import StoreUnavailable
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore


class Desk:
    """A store, and sessions over it that come and go."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeRunStore(self.clock)
        self.drafts = Drafts(self.store, self.clock)
        self.managers = StateManagers(self.store)

    def session(self, name: str) -> StateManager:
        return self.managers.of(name)

    def types(self, manager: StateManager, **values: object) -> None:
        """Somebody changes fields, a moment later than before."""
        self.clock.advance(60)
        manager.update_state(revise_draft(lambda draft: {**draft, **values}))
        self.drafts.keep(manager)

    def names(self) -> list[object]:
        return [form.draft.get("name") for form in self.drafts.unfinished()]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_form_is_kept_once_however_often_it_changes(desk: Desk) -> None:
    manager = desk.session("one")
    for name in ("a", "ab", "abc"):
        desk.types(manager, name=name)
    assert desk.names() == ["abc"]
    assert desk.drafts.unfinished()[0].saved_at == desk.clock.now()


def test_an_unchanged_or_pristine_form_writes_nothing(desk: Desk) -> None:
    manager = desk.session("one")
    manager.update_state(replace_draft({"name": "demo"}, "preset:demo"))
    desk.drafts.keep(manager, is_pristine=True)
    assert desk.names() == []
    desk.types(manager, name="mine")
    before = len(desk.store.calls)
    desk.drafts.keep(manager)
    assert len(desk.store.calls) == before


def test_another_form_leaves_the_unfinished_one_where_it_is(desk: Desk) -> None:
    manager = desk.session("one")
    desk.types(manager, name="first")
    manager.update_state(replace_draft({}))
    desk.types(manager, name="second")
    assert desk.names() == ["second", "first"]


def test_a_killed_dashboard_brings_everything_back(desk: Desk) -> None:
    manager = desk.session("one")
    manager.update_state(replace_draft({}, "profile:chat"))
    manager.update_state(set_sweep(SweepForm("training.seed: 1, 2")))
    desk.types(manager, name="unfinished", training={"seed": 3})
    desk.managers = StateManagers(desk.store)  # nothing was told of the end
    again = desk.session("after the restart")
    assert again.state.training.draft_id == manager.state.training.draft_id
    (form,) = Drafts(desk.store, desk.clock).unfinished()
    assert (form.draft, form.basis, form.sweep.text) == (
        {"name": "unfinished", "training": {"seed": 3}},
        "profile:chat",
        "training.seed: 1, 2",
    )


def test_a_reloaded_tab_goes_on_with_the_same_form(desk: Desk) -> None:
    desk.types(desk.session("one"), name="before")
    desk.types(desk.session("two"), name="after")
    assert desk.names() == ["after"]


def test_two_open_tabs_never_overwrite_one_another(desk: Desk) -> None:
    one = desk.session("one")
    desk.types(one, name="common")
    two = desk.session("two")
    desk.types(two, name="of two")
    desk.types(one, name="of one")
    desk.types(two, name="of two again")
    assert sorted(map(str, desk.names())) == ["of one", "of two again"]


def test_a_kept_form_can_be_gone_on_with(desk: Desk) -> None:
    manager = desk.session("one")
    desk.types(manager, name="first")
    first = manager.state.training.draft_id
    manager.update_state(replace_draft({}))
    desk.types(manager, name="second")
    assert desk.drafts.resume(manager, first)
    assert manager.state.training.draft["name"] == "first"
    desk.types(manager, name="first, changed")
    assert desk.names() == ["first, changed", "second"]
    assert not desk.drafts.resume(manager, "never-there")


def test_a_form_that_became_a_run_is_unfinished_no_more_but_stays_on_the_page(desk: Desk) -> None:
    manager = desk.session("one")
    desk.types(manager, name="started")
    desk.drafts.finish(manager)
    assert desk.names() == []
    assert manager.state.training.draft["name"] == "started"
    desk.types(manager, name="another")
    assert desk.names() == ["another"]
    assert finish_draft(manager.state).training.draft_id == ""


def test_a_form_discarded_elsewhere_is_kept_anew_when_it_changes(desk: Desk) -> None:
    manager = desk.session("one")
    desk.types(manager, name="a")
    desk.drafts.discard(manager.state.training.draft_id)
    desk.drafts.keep(manager)
    assert desk.names() == []
    desk.types(manager, name="b")
    assert desk.names() == ["b"]


def test_the_longest_untouched_forms_are_forgotten(desk: Desk) -> None:
    for number in range(MOST_KEPT + 2):
        manager = desk.session(str(number))
        manager.update_state(replace_draft({}))
        desk.types(manager, name=number)
    assert desk.names() == list(range(MOST_KEPT + 1, 1, -1))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"draft": 3}', '{"draft": {}, "sweep": 7}', "[" * 100_000])
def test_what_cannot_be_read_is_left_out(text: str, desk: Desk) -> None:
    desk.types(desk.session("one"), name="good")
    desk.store.save_draft(f"{PREFIX}bad", text)
    assert desk.names() == ["good"]
    assert not desk.drafts.resume(desk.session("two"), "bad")


def test_a_store_that_takes_nothing_stops_nobody(desk: Desk) -> None:
    class FullStore(FakeRunStore):
        def save_draft(self, key: str, text: str) -> None:
            raise StoreUnavailable(reason=f"no room for {len(text)} characters of {key}")

    full = FullStore(desk.clock)
    manager = StateManager(full, "state")
    manager.update_state(replace_draft({"name": "kept nowhere"}))
    Drafts(full, desk.clock).keep(manager)
    assert manager.state.training.draft["name"] == "kept nowhere"
    assert manager.save_error is not None
