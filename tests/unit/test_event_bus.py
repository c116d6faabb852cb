"""EventBus: everybody hears of what they asked for, in one order, and nobody hurts the others."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.domain.events import (
    ConfigChanged,
    DatasetsChanged,
    Event,
    HandlerFailed,
    ModelsChanged,
    RunAdded,
    RunChanged,
    RunEvent,
)
from backend.domain.states import RunState
from backend.services.event_bus import MAX_DEPTH, EventBus
from tests.fakes.clock import FakeClock

ADDED = RunAdded("a", RunState.CREATED)
CHANGED = RunChanged("a", RunState.RUNNING)


@pytest.fixture
def bus() -> EventBus:
    return EventBus(FakeClock())


def test_who_asks_for_a_type_hears_of_the_types_below_it(bus: EventBus) -> None:
    heard: dict[str, list[Event]] = {"all": [], "runs": [], "added": []}
    bus.subscribe(Event, heard["all"].append)
    bus.subscribe(RunEvent, heard["runs"].append)
    bus.subscribe(RunAdded, heard["added"].append)
    for event in (ADDED, CHANGED, DatasetsChanged()):
        bus.publish(event)
    assert heard == {"all": [ADDED, CHANGED, DatasetsChanged()], "runs": [ADDED, CHANGED], "added": [ADDED]}


def test_who_left_hears_no_more_even_of_events_on_their_way(bus: EventBus) -> None:
    heard: list[Event] = []
    bus.subscribe(DatasetsChanged, lambda _: leave())
    leave = bus.subscribe(DatasetsChanged, heard.append)
    bus.publish(DatasetsChanged())
    leave()
    assert heard == []
    assert bus.num_subscriptions() == 1


def test_a_failing_handler_is_logged_told_and_hurts_nobody(bus: EventBus, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []
    failures: list[HandlerFailed] = []

    def fail(_: Event) -> None:
        raise ValueError("not today")

    bus.subscribe(ModelsChanged, fail)
    bus.subscribe(ModelsChanged, heard.append)
    bus.subscribe(HandlerFailed, failures.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(ModelsChanged())
    assert heard == [ModelsChanged()]
    (told,) = failures
    assert (told.event_type, told.reason) == ("ModelsChanged", "ValueError: not today")
    assert "fail" in told.handler
    assert any(record.exc_info for record in caplog.records)


def test_a_handler_of_everything_that_always_fails_is_no_endless_loop(bus: EventBus) -> None:
    times: list[Event] = []

    def fail(event: Event) -> None:
        times.append(event)
        raise ValueError

    bus.subscribe(Event, fail)
    bus.publish(DatasetsChanged())
    assert [type(event) for event in times] == [DatasetsChanged, HandlerFailed]


def test_handlers_that_answer_each_other_are_stopped_and_logged(
    bus: EventBus, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Event] = []
    bus.subscribe(DatasetsChanged, lambda _: bus.publish(ModelsChanged()))
    bus.subscribe(ModelsChanged, lambda _: bus.publish(DatasetsChanged()))
    bus.subscribe(Event, heard.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(DatasetsChanged())
    assert len(heard) == MAX_DEPTH + 1
    assert "circle" in caplog.text
    bus.publish(DatasetsChanged())
    assert len(heard) == 2 * (MAX_DEPTH + 1), "the bus goes on"


def test_what_a_handler_publishes_comes_after_what_waits(bus: EventBus) -> None:
    first: list[Event] = []
    second: list[Event] = []
    bus.subscribe(DatasetsChanged, lambda _: bus.publish(ModelsChanged()))
    bus.subscribe(Event, first.append)
    bus.subscribe(Event, second.append)
    bus.publish(DatasetsChanged())
    assert first == second == [DatasetsChanged(), ModelsChanged()]


def test_the_latest_events_are_remembered_and_no_more_than_that() -> None:
    clock = FakeClock()
    bus = EventBus(clock, kept_events=3)
    for number in range(5):
        clock.advance(1)
        bus.publish(ConfigChanged(frozenset({str(number)})))
    assert [each.number for each in bus.recent()] == [3, 4, 5]
    assert [each.number for each in bus.recent(2)] == [4, 5]
    assert bus.recent(0) == ()
    assert (bus.recent(1)[0].at - bus.recent(3)[0].at).total_seconds() == 2
    assert bus.num_published() == 5


def test_a_stopped_script_leaves_the_bus_able_to_go_on(bus: EventBus) -> None:
    class Stop(BaseException):
        pass

    heard: list[Event] = []

    def stop(_: Event) -> None:
        leave()
        raise Stop

    leave = bus.subscribe(DatasetsChanged, stop)
    bus.subscribe(Event, heard.append)
    with pytest.raises(Stop):
        bus.publish(DatasetsChanged())
    bus.publish(ModelsChanged())
    assert heard == [DatasetsChanged(), ModelsChanged()]


def test_events_of_many_threads_reach_everybody_once_in_one_order(bus: EventBus) -> None:
    heard: list[list[str]] = [[], []]
    for mine in heard:
        bus.subscribe(RunEvent, lambda event, mine=mine: mine.append(event.run_id))
    num_threads, num_events = 8, 200
    start = threading.Barrier(num_threads)

    def publish(thread: int) -> None:
        start.wait(60)
        for number in range(num_events):
            bus.publish(RunAdded(f"{thread}-{number}", RunState.CREATED))

    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(publish, range(num_threads)))
    assert heard[0] == heard[1]
    assert len(heard[0]) == num_threads * num_events
    for thread in range(num_threads):
        own = [name for name in heard[0] if name.startswith(f"{thread}-")]
        assert own == [f"{thread}-{number}" for number in range(num_events)]
