"""DataCache: computed once, kept for a while, forgotten when told."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.events import DatasetsChanged, RunAdded, RunEvent
from backend.domain.states import RunState
from backend.services.data_cache import CacheStatistics, DataCache
from backend.services.event_bus import EventBus
from tests.fakes.clock import FakeClock


class Counted:
    """A computation that says which time it is."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


class Held:
    """A computation that lasts until it is let go, and then returns or raises."""

    def __init__(self, result: object = None, failure: Exception | None = None) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.times = 0
        self._result, self._failure = result, failure

    def __call__(self) -> object:
        self.times += 1
        self.has_begun.set()
        assert self.may_end.wait(60)
        if self._failure:
            raise self._failure
        return self._result


def test_a_value_is_computed_once_within_its_time() -> None:
    clock, compute = FakeClock(), Counted()
    cache = DataCache(clock)
    assert [cache.get_or_compute(("a",), compute) for _ in range(3)] == [1, 1, 1]
    clock.advance(59.9)
    assert cache.get_or_compute(("a",), compute) == 1
    clock.advance(0.2)
    assert cache.get_or_compute(("a",), compute) == 2


def test_the_time_begins_when_the_value_is_there() -> None:
    clock = FakeClock()
    cache = DataCache(clock, ttl_seconds=10)
    cache.get_or_compute(("a",), lambda: clock.advance(30))
    clock.advance(9)
    compute = Counted()
    cache.get_or_compute(("a",), compute)
    assert compute.times == 0


def test_none_is_a_value() -> None:
    cache, calls = DataCache(FakeClock()), []
    assert [cache.get_or_compute(("a",), lambda: calls.append(1)) for _ in range(2)] == [None, None]
    assert calls == [1]


def test_keys_do_not_mix() -> None:
    cache = DataCache(FakeClock())
    assert cache.get_or_compute(("a", 1), lambda: "one") == "one"
    assert cache.get_or_compute(("a", 2), lambda: "two") == "two"


def test_a_failure_is_raised_and_not_kept() -> None:
    cache = DataCache(FakeClock())

    def fail() -> int:
        raise OSError("now")

    with pytest.raises(OSError, match="now"):
        cache.get_or_compute(("a",), fail)
    assert cache.get_or_compute(("a",), Counted()) == 1


def test_those_used_least_recently_go_first() -> None:
    cache = DataCache(FakeClock(), max_entries=2)
    for name in ("a", "b", "a", "c"):
        cache.get_or_compute((name,), Counted())
    counted = {name: Counted() for name in "abc"}
    for name in ("a", "c", "b"):
        cache.get_or_compute((name,), counted[name])
    assert {name: one.times for name, one in counted.items()} == {"a": 0, "b": 1, "c": 0}
    assert len(cache) == 2


@pytest.mark.parametrize(
    ("prefix", "forgotten"),
    [
        ((), {("a",), ("a", 1), ("a", 1, 2), ("ab",), ("b", "a")}),
        (("a",), {("a",), ("a", 1), ("a", 1, 2)}),
        (("a", 1), {("a", 1), ("a", 1, 2)}),
        (("c",), set()),
    ],
)
def test_a_key_is_invalidated_with_all_that_begin_with_it(
    prefix: tuple[object, ...], forgotten: set[tuple[object, ...]]
) -> None:
    cache = DataCache(FakeClock())
    keys = [("a",), ("a", 1), ("a", 1, 2), ("ab",), ("b", "a")]
    for key in keys:
        cache.get_or_compute(key, lambda: "old")
    cache.invalidate(prefix)
    assert {key for key in keys if cache.get_or_compute(key, lambda: "new") == "new"} == forgotten


def test_many_who_ask_at_once_share_one_computation() -> None:
    cache, compute = DataCache(FakeClock()), Held("value")
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cache.get_or_compute, ("a",), compute) for _ in range(8)]
        assert compute.has_begun.wait(60)
        compute.may_end.set()
        assert [one.result(60) for one in asked] == ["value"] * 8
    assert compute.times == 1


def test_a_failure_reaches_all_who_waited_and_the_next_one_tries_again() -> None:
    cache, compute = DataCache(FakeClock()), Held(failure=OSError("disk"))
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get_or_compute, ("a",), compute)
        assert compute.has_begun.wait(60)
        second = pool.submit(cache.get_or_compute, ("a",), compute)
        compute.may_end.set()
        for one in (first, second):
            with pytest.raises(OSError, match="disk"):
                one.result(60)
    assert cache.get_or_compute(("a",), lambda: "better") == "better"


def test_one_key_does_not_wait_for_another() -> None:
    cache, slow = DataCache(FakeClock()), Held("slow")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cache.get_or_compute, ("slow",), slow)
        try:
            assert slow.has_begun.wait(60)
            assert cache.get_or_compute(("fast",), lambda: "fast") == "fast"
        finally:
            slow.may_end.set()
        assert asked.result(60) == "slow"


def test_what_was_invalidated_while_it_was_computed_is_not_kept() -> None:
    cache, old = DataCache(FakeClock()), Held("old")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(cache.get_or_compute, ("a",), old)
        assert old.has_begun.wait(60)
        cache.invalidate(("a",))
        assert cache.get_or_compute(("a",), lambda: "new") == "new"
        old.may_end.set()
        assert asked.result(60) == "old"
    assert cache.get_or_compute(("a",), lambda: "newer") == "new"


def test_threads_never_see_a_value_of_another_key() -> None:
    cache = DataCache(FakeClock(), max_entries=4)

    def ask(seed: int) -> bool:
        keys = [(seed * number) % 8 for number in range(500)]
        return all(cache.get_or_compute(("key", key), lambda key=key: key * 10) == key * 10 for key in keys)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(1, 9)))
    assert len(cache) <= 4


acts = st.lists(
    st.one_of(
        st.tuples(st.just("get"), st.sampled_from("abcd")),
        st.tuples(st.just("invalidate"), st.sampled_from("abcd")),
        st.tuples(st.just("wait"), st.integers(1, 6)),
    ),
    max_size=40,
)


@given(acts, st.integers(1, 4))
def test_it_tells_what_a_plain_model_tells(some: list[tuple[str, str | int]], max_entries: int) -> None:
    clock = FakeClock()
    cache = DataCache(clock, ttl_seconds=10, max_entries=max_entries)
    model: dict[str, tuple[int, float]] = {}
    number = 0

    def compute() -> Callable[[], int]:
        nonlocal number
        number += 1
        return lambda mine=number: mine

    for act, what in some:
        if act == "wait":
            clock.advance(float(what))
        elif act == "invalidate":
            cache.invalidate((what,))
            model.pop(str(what), None)
        else:
            name = str(what)
            told = cache.get_or_compute((name,), compute())
            value, at = model.pop(name, (number, clock.monotonic()))
            expected = (value, at) if clock.monotonic() < at + 10 else (number, clock.monotonic())
            model[name] = expected
            while len(model) > max_entries:
                del model[next(iter(model))]
            assert told == expected[0]


def test_an_event_of_a_type_forgets_what_lies_below_a_prefix() -> None:
    clock = FakeClock()
    bus, cache, compute = EventBus(clock), DataCache(clock), Counted()
    leave = cache.invalidate_on(bus, RunEvent, ("runs",))

    def ask() -> tuple[int, int]:
        return cache.get_or_compute(("runs", 1), compute), cache.get_or_compute(("other",), compute)

    assert ask() == (1, 2)
    bus.publish(DatasetsChanged())
    assert ask() == (1, 2)
    bus.publish(RunAdded("a", RunState.CREATED))
    assert ask() == (3, 2)
    leave()
    bus.publish(RunAdded("b", RunState.CREATED))
    assert ask() == (3, 2)


def test_hits_misses_and_invalidations_are_counted() -> None:
    clock = FakeClock()
    cache = DataCache(clock, ttl_seconds=10, max_entries=5)
    for name in ("a", "a", "b"):
        cache.get_or_compute((name,), Counted())
    clock.advance(11)
    cache.get_or_compute(("a",), Counted())
    cache.invalidate(("b",))
    expected = CacheStatistics(num_entries=1, max_entries=5, hits=1, misses=3, invalidations=1)
    assert cache.statistics() == expected
