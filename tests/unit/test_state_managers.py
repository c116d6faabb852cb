"""One StateManager per browser session."""

import threading

from backend.domain.actions import open_run
from backend.errors import StorageError
from backend.services.state_managers import StateManagers
from tests.fakes.clock import FakeClock
from tests.fakes.drafts import edit_draft
from tests.fakes.run_store import FakeRunStore


def test_a_session_keeps_its_manager() -> None:
    managers = StateManagers(FakeRunStore(FakeClock()))
    assert managers.of("one") is managers.of("one")
    assert managers.of("one") is not managers.of("two")


def test_a_reloaded_tab_starts_from_what_was_stored() -> None:
    store = FakeRunStore(FakeClock())
    StateManagers(store).of("before").update_state(open_run("a-run"))
    StateManagers(store).of("x").update_state(edit_draft({"name": "unfinished"}))
    after = StateManagers(store).of("after the restart").state
    assert after.training.draft["name"] == "unfinished"
    assert after.view.run_id == "a-run"


def test_the_longest_unused_sessions_are_forgotten() -> None:
    managers = StateManagers(FakeRunStore(FakeClock()), max_sessions=2)
    first = managers.of("first")
    managers.of("second")
    assert managers.of("first") is first
    managers.of("third")
    assert len(managers) == 2
    assert managers.of("first") is first


def test_many_threads_of_a_session_share_one_manager() -> None:
    managers = StateManagers(FakeRunStore(FakeClock()))
    found: list[object] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(managers.of("one"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(manager) for manager in found}) == 1


def test_what_could_not_be_stored_is_stored_when_it_is_asked_for_again() -> None:
    class Failing(FakeRunStore):
        fails = True

        def save_draft(self, key: str, text: str) -> None:
            if self.fails:
                raise StorageError
            super().save_draft(key, text)

    store = Failing(FakeClock())
    managers = StateManagers(store)
    manager = managers.of("one")
    manager.update_state(edit_draft({"name": "unfinished"}))
    managers.save_unsaved()
    assert manager.save_error is not None
    store.fails = False
    managers.save_unsaved()
    assert manager.save_error is None
    assert StateManagers(store).of("later").state.training.draft["name"] == "unfinished"
