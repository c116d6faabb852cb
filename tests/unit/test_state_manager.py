"""One owner of the session's state: no update lost, no observer misled, nothing forgotten by a restart."""

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain import actions
from backend.domain.application_state import ApplicationState, Observer
from backend.domain.state_text import to_text
from backend.services.state_manager import StateManager
from backend.store.errors import StoreBusy, StoreFull
from backend.store.sql_store import SqlRunStore
from tests.fakes.clock import FakeClock
from tests.fakes.drafts import edit_draft
from tests.fakes.run_store import FakeRunStore


class Recorder:
    """Writes down what it is told; may do something more at each call."""

    def __init__(self, and_then: Observer | None = None) -> None:
        self.calls: list[tuple[ApplicationState, ApplicationState]] = []
        self._and_then = and_then

    def __call__(self, old: ApplicationState, new: ApplicationState) -> None:
        self.calls.append((old, new))
        if self._and_then is not None:
            self._and_then(old, new)

    @property
    def views(self) -> list[str]:
        return [new.view.current for _, new in self.calls]


@pytest.fixture
def store() -> FakeRunStore:
    return FakeRunStore(FakeClock())


@pytest.fixture
def manager(store: FakeRunStore) -> StateManager:
    return StateManager(store, "session")


@pytest.fixture
def eager_threads() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_an_update_returns_and_keeps_the_new_state(manager: StateManager) -> None:
    new = manager.update_state(actions.navigate("train"))
    assert new.view.current == "train"
    assert manager.state == new


def test_observers_get_old_and_new_state_in_the_order_of_subscription(manager: StateManager) -> None:
    order: list[str] = []
    first = Recorder(lambda *_: order.append("a"))
    second = Recorder(lambda *_: order.append("b"))
    manager.subscribe(first)
    manager.subscribe(second)
    old, new = manager.state, manager.update_state(actions.navigate("runs"))
    assert first.calls == second.calls == [(old, new)]
    assert order == ["a", "b"]


def test_an_equal_state_is_no_change(manager: StateManager, store: FakeRunStore) -> None:
    observer = Recorder()
    manager.subscribe(observer)
    manager.update_state(lambda state: replace(state, view=replace(state.view)))
    assert observer.calls == []
    assert store.calls == []


def test_after_unsubscribing_an_observer_hears_nothing_more(manager: StateManager) -> None:
    observer = Recorder()
    unsubscribe = manager.subscribe(observer)
    twin = manager.subscribe(observer)
    unsubscribe()
    unsubscribe()
    manager.update_state(actions.navigate("runs"))
    assert len(observer.calls) == 1, "a second subscription of the same function is its own"
    twin()
    manager.update_state(actions.navigate("home"))
    assert len(observer.calls) == 1


def test_an_observer_that_fails_is_logged_and_stops_nothing(
    manager: StateManager, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("broken observer")

    after = Recorder()
    manager.subscribe(fail)
    manager.subscribe(after)
    manager.update_state(actions.navigate("runs"))
    assert after.views == ["runs"]
    assert "broken observer" in caplog.text


def test_an_observer_may_update_and_everybody_sees_both_changes_in_order(manager: StateManager) -> None:
    def go_on(_: ApplicationState, new: ApplicationState) -> None:
        if new.view.current == "train":
            manager.update_state(actions.navigate("monitor"))

    first, last = Recorder(go_on), Recorder()
    manager.subscribe(first)
    manager.subscribe(last)
    manager.update_state(actions.navigate("train"))
    assert first.views == last.views == ["train", "monitor"]
    assert manager.state.view.current == "monitor"


def test_an_observer_may_unsubscribe_itself_and_a_later_one(manager: StateManager) -> None:
    def leave(*_: object) -> None:
        unsubscribe_first()
        unsubscribe_second()

    first, second = Recorder(leave), Recorder()
    unsubscribe_first = manager.subscribe(first)
    unsubscribe_second = manager.subscribe(second)
    manager.update_state(actions.navigate("runs"))
    manager.update_state(actions.navigate("home"))
    assert (first.views, second.views) == (["runs"], [])


def test_an_updater_that_fails_changes_nothing(manager: StateManager) -> None:
    before = manager.state
    with pytest.raises(ZeroDivisionError):
        manager.update_state(lambda _: 1 // 0)  # type: ignore[arg-type, return-value]
    assert manager.state is before
    assert manager.update_state(actions.navigate("runs")).view.current == "runs"


def test_an_updater_that_updates_is_a_mistake_and_changes_nothing(manager: StateManager) -> None:
    def nested(state: ApplicationState) -> ApplicationState:
        manager.update_state(actions.navigate("lost"))
        return state

    with pytest.raises(RuntimeError, match="must not update"):
        manager.update_state(nested)
    assert manager.state == ApplicationState()


def test_an_observer_that_ends_the_script_does_not_silence_the_others(manager: StateManager) -> None:
    class StopScript(BaseException):
        """As Streamlit stops a script."""

    def stop(*_: object) -> None:
        unsubscribe()
        raise StopScript

    unsubscribe = manager.subscribe(stop)
    other = Recorder()
    manager.subscribe(other)
    with pytest.raises(StopScript):
        manager.update_state(actions.navigate("train"))
    manager.update_state(actions.navigate("runs"))
    assert other.views == ["train", "runs"]


def test_a_reload_finds_the_draft_the_open_run_and_the_preferences(store: FakeRunStore) -> None:
    first = StateManager(store, "session")
    first.update_state(edit_draft({"rank": 16, "targets": ["q_proj"]}))
    first.update_state(actions.open_run("a-run"))
    first.update_state(actions.set_smoothing(0.5))
    first.update_state(actions.see_runs(9))
    again = StateManager(store, "session").state
    assert again.training.draft == {"rank": 16, "targets": ("q_proj",)}
    assert (again.view.run_id, again.ui.smoothing, again.training.runs_version) == ("a-run", 0.5, 0)
    assert StateManager(store, "another session").state == ApplicationState()


def test_a_restart_of_the_server_finds_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'studio.db'}"
    store = SqlRunStore(url, FakeClock())
    kept = StateManager(store, "session").update_state(edit_draft({"path": "ü.jsonl"}))
    store.close()
    restarted = SqlRunStore(url, FakeClock())
    assert StateManager(restarted, "session").state == kept
    restarted.close()


def test_only_a_change_of_the_lasting_part_is_stored(manager: StateManager, store: FakeRunStore) -> None:
    manager.update_state(actions.see_runs(1))
    assert store.calls == []
    manager.update_state(actions.navigate("train"))
    manager.update_state(actions.see_runs(2))
    assert store.calls == ["save_draft"]


def test_a_slow_save_never_overwrites_a_newer_one() -> None:
    saving, go_on = threading.Event(), threading.Event()

    class SlowStore(FakeRunStore):
        def save_draft(self, key: str, text: str) -> None:
            if not saving.is_set():
                saving.set()
                go_on.wait(60)
            super().save_draft(key, text)

    slow = SlowStore(FakeClock())
    manager = StateManager(slow, "session")
    first = threading.Thread(target=manager.update_state, args=(actions.navigate("older"),))
    second = threading.Thread(target=manager.update_state, args=(actions.navigate("newer"),))
    first.start()
    assert saving.wait(60)
    second.start()
    second.join(0.3)  # without the lock it would be done by now, and be overwritten
    go_on.set()
    first.join(60)
    second.join(60)
    assert StateManager(slow, "session").state.view.current == "newer"


def test_a_text_that_is_no_state_gives_the_defaults(store: FakeRunStore) -> None:
    store.save_draft("session", "{torn")
    assert StateManager(store, "session").state == ApplicationState()
    assert store.load_draft("session") == "{torn", "what was not understood is kept until something changes"


def test_a_store_that_cannot_save_is_reported_and_tried_again(
    store: FakeRunStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise StoreFull(url="x", detail="disk full")

    manager = StateManager(store, "session")
    with monkeypatch.context() as patched:
        patched.setattr(store, "save_draft", full)
        observer = Recorder()
        manager.subscribe(observer)
        manager.update_state(edit_draft({"rank": 4}))
    assert observer.calls[0][1].training.draft == {"rank": 4}
    assert isinstance(manager.save_error, StoreFull)
    assert "disk full" in caplog.text
    manager.update_state(actions.see_runs(5))
    assert manager.save_error is None
    assert store.load_draft("session") == to_text(manager.state)


def test_a_store_that_cannot_be_read_does_not_look_like_an_empty_form(
    store: FakeRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_: str) -> None:
        raise StoreBusy(url="x", detail="")

    monkeypatch.setattr(store, "load_draft", busy)
    with pytest.raises(StoreBusy):
        StateManager(store, "session")


def increment(state: ApplicationState) -> ApplicationState:
    return actions.see_runs(state.training.runs_version + 1)(state)


@pytest.mark.usefixtures("eager_threads")
def test_many_threads_lose_no_update_and_observers_see_an_unbroken_chain(manager: StateManager) -> None:
    first, second = Recorder(), Recorder()
    manager.subscribe(first)
    manager.subscribe(second)
    num_threads, each = 16, 500
    start = threading.Barrier(num_threads)

    def work(_: int) -> None:
        start.wait(60)
        for _ in range(each):
            manager.update_state(increment)

    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(work, range(num_threads)))
    total = num_threads * each
    assert manager.state.training.runs_version == total
    for observer in (first, second):
        assert [new.training.runs_version for _, new in observer.calls] == list(range(1, total + 1))
        assert all(old.training.runs_version + 1 == new.training.runs_version for old, new in observer.calls)


@pytest.mark.usefixtures("eager_threads")
def test_what_is_stored_after_many_threads_is_the_last_state(manager: StateManager, store: FakeRunStore) -> None:
    def work(thread: int) -> None:
        for number in range(50):
            manager.update_state(edit_draft({f"field-{thread}": number}))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert manager.state.training.draft == {f"field-{thread}": 49 for thread in range(8)}
    assert StateManager(store, "session").state == manager.state


@pytest.mark.usefixtures("eager_threads")
def test_subscribing_amid_updates_gives_each_observer_a_chain_without_gaps(manager: StateManager) -> None:
    observers = [Recorder() for _ in range(50)]
    done = threading.Event()

    def update() -> None:
        while not done.is_set():
            manager.update_state(increment)

    threads = [threading.Thread(target=update) for _ in range(3)]
    for thread in threads:
        thread.start()
    for observer in observers:
        manager.subscribe(observer)()
        manager.subscribe(observer)
    done.set()
    for thread in threads:
        thread.join(60)
    for observer in observers:
        steps = [new.training.runs_version for _, new in observer.calls]
        assert steps == sorted(set(steps))


def test_a_slow_observer_does_not_block_other_threads(manager: StateManager) -> None:
    entered, release = threading.Event(), threading.Event()

    def slow(_: ApplicationState, new: ApplicationState) -> None:
        if new.view.current == "slow":
            entered.set()
            release.wait(60)

    observer = Recorder(slow)
    manager.subscribe(observer)
    thread = threading.Thread(target=manager.update_state, args=(actions.navigate("slow"),))
    thread.start()
    assert entered.wait(60)
    manager.update_state(actions.navigate("next"))
    assert manager.state.view.current == "next"
    assert observer.views == ["slow"], "the thread that is in the observer delivers the next change"
    release.set()
    thread.join(60)
    assert observer.views == ["slow", "next"]
