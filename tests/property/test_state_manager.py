"""Any order of updates, subscriptions and failures leaves every observer with the true history."""

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from backend.domain import actions
from backend.domain.application_state import ApplicationState, Updater
from backend.services.state_manager import StateManager
from tests.fakes.clock import FakeClock
from tests.fakes.drafts import edit_draft
from tests.fakes.run_store import FakeRunStore


class StateManagerMachine(RuleBasedStateMachine):
    """Compares the manager with a list of states."""

    subscribed = Bundle("subscribed")

    def __init__(self) -> None:
        super().__init__()
        self.store = FakeRunStore(FakeClock())
        self.manager = StateManager(self.store, "session")
        self.history = [ApplicationState()]
        self.heard: dict[int, list[tuple[ApplicationState, ApplicationState]]] = {}
        self.expected: dict[int, list[tuple[ApplicationState, ApplicationState]]] = {}
        self.listening: set[int] = set()

    @rule(target=subscribed, fails=st.booleans())
    def subscribe(self, fails: bool) -> tuple[int, Callable[[], None]]:
        number = len(self.heard)
        self.heard[number], self.expected[number] = [], []

        def observer(old: ApplicationState, new: ApplicationState) -> None:
            self.heard[number].append((old, new))
            if fails:
                raise ValueError("an observer that always fails")

        self.listening.add(number)
        return number, self.manager.subscribe(observer)

    @rule(subscription=consumes(subscribed))
    def unsubscribe(self, subscription: tuple[int, Callable[[], None]]) -> None:
        number, leave = subscription
        leave()
        self.listening.discard(number)

    @rule(
        updater=st.one_of(
            st.sampled_from(["home", "train", "runs"]).map(actions.navigate),
            st.integers(0, 3).map(actions.see_runs),
            st.dictionaries(st.sampled_from("ab"), st.integers(0, 2)).map(edit_draft),
            st.just(actions.revise_draft(lambda _: {})),
        )
    )
    def update(self, updater: Updater) -> None:
        old = self.history[-1]
        new = updater(old)
        assert self.manager.update_state(updater) == new
        if new != old:
            self.history.append(new)
            for number in self.listening:
                self.expected[number].append((old, new))

    @rule()
    def fail_to_update(self) -> None:
        def broken(_: ApplicationState) -> ApplicationState:
            raise KeyError("broken updater")

        try:
            self.manager.update_state(broken)
        except KeyError:
            return
        raise AssertionError("the failure of an updater was swallowed")

    @rule()
    def reload(self) -> None:
        again = StateManager(self.store, "session").state
        assert (again.view, again.training.draft) == (self.history[-1].view, self.history[-1].training.draft)

    @invariant()
    def the_state_is_the_last_of_the_history(self) -> None:
        assert self.manager.state == self.history[-1]

    @invariant()
    def every_observer_heard_what_happened_while_it_listened(self) -> None:
        assert self.heard == self.expected


TestStateManager = StateManagerMachine.TestCase
