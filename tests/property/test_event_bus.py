"""Any order of subscribing, leaving, publishing and failing leaves every handler with exactly its events."""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from backend.domain.events import DatasetsChanged, Event, HandlerFailed, ModelsChanged, RunAdded, RunChanged, RunEvent
from backend.domain.states import RunState
from backend.services.event_bus import EventBus
from tests.fakes.clock import FakeClock

KINDS = (Event, RunEvent, RunAdded, RunChanged, DatasetsChanged, ModelsChanged)
EVENTS = st.one_of(
    st.builds(RunAdded, st.sampled_from("ab"), st.sampled_from(RunState)),
    st.builds(RunChanged, st.sampled_from("ab"), st.sampled_from(RunState)),
    st.just(DatasetsChanged()),
    st.just(ModelsChanged()),
)
KEPT = 10


class EventBusMachine(RuleBasedStateMachine):
    """Compares the bus with a list of events."""

    subscribed = Bundle("subscribed")

    def __init__(self) -> None:
        super().__init__()
        self.bus = EventBus(FakeClock(), kept_events=KEPT)
        self.published: list[Event] = []
        self.heard: dict[int, list[Event]] = {}
        self.expected: dict[int, list[Event]] = {}
        self.listening: dict[int, tuple[type[Event], bool]] = {}

    @rule(target=subscribed, kind=st.sampled_from(KINDS), fails=st.booleans())
    def subscribe(self, kind: type[Event], fails: bool) -> tuple[int, Callable[[], None]]:
        number = len(self.heard)
        self.heard[number], self.expected[number] = [], []

        def handler(event: Event) -> None:
            if not isinstance(event, HandlerFailed):
                self.heard[number].append(event)
            if fails:
                raise ValueError("a handler that always fails")

        self.listening[number] = kind, fails
        return number, self.bus.subscribe(kind, handler)

    @rule(subscription=consumes(subscribed))
    def unsubscribe(self, subscription: tuple[int, Callable[[], None]]) -> None:
        number, leave = subscription
        leave()
        leave()
        self.listening.pop(number)

    @rule(event=EVENTS)
    def publish(self, event: Event) -> None:
        self.bus.publish(event)
        self.published.append(event)
        for number, (kind, fails) in self.listening.items():
            if isinstance(event, kind):
                self.expected[number].append(event)
                self.published += [HandlerFailed(type(event).__name__, "", "")] if fails else []

    @invariant()
    def everybody_has_heard_exactly_their_events(self) -> None:
        assert self.heard == self.expected

    @invariant()
    def the_latest_are_remembered_in_order(self) -> None:
        recent = [type(each.event) for each in self.bus.recent()]
        assert recent == [type(event) for event in self.published[-KEPT:]]
        numbers = [each.number for each in self.bus.recent()]
        assert numbers == list(range(len(self.published) - len(recent) + 1, len(self.published) + 1))


TestEventBus = EventBusMachine.TestCase
TestEventBus.settings = settings(max_examples=40, stateful_step_count=30)
