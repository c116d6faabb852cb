"""A run has the same colour on every page, today and tomorrow."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.domain.board import NUM_COLORS
from backend.services import run_colors
from backend.services.run_colors import KEY, RunColors
from backend.store.errors import StoreUnavailable
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore


@pytest.fixture
def store() -> FakeRunStore:
    return FakeRunStore(FakeClock())


def test_the_least_used_colour_comes_first(store: FakeRunStore) -> None:
    given = RunColors(store).of(f"run:{i}" for i in range(2 * NUM_COLORS))
    assert list(given.values()) == [*range(NUM_COLORS), *range(NUM_COLORS)]


def test_a_colour_stays_over_restarts_and_other_orders(store: FakeRunStore) -> None:
    given = RunColors(store).of(["a", "b", "c"])
    assert RunColors(store).of(["c", "x", "a"]) == {"c": given["c"], "x": 3, "a": given["a"]}


def test_two_studios_over_one_store_agree(store: FakeRunStore) -> None:
    one, other = RunColors(store), RunColors(store)
    one.of(["a"])
    other.of(["b"])
    assert other.of(["b", "c", "a"]) == one.of(["b", "c", "a"])


def test_many_threads_get_the_same(store: FakeRunStore) -> None:
    colors = RunColors(store)
    names = [f"run:{i}" for i in range(60)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: colors.of(names), range(16)))
    assert all(answer == answers[0] for answer in answers)
    assert set(Counter(answers[0].values()).values()) == {60 // NUM_COLORS}


@pytest.mark.parametrize("text", ["", "[", "[1]", '{"a": "red", "b": 99, "c": true, "d": 2}'])
def test_what_the_store_kept_may_be_damaged(store: FakeRunStore, text: str) -> None:
    store.save_draft(KEY, text)
    assert set(RunColors(store).of(["a", "b", "d"])) == {"a", "b", "d"}


def test_without_a_store_colours_hold_until_the_end(store: FakeRunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: str) -> None:
        raise StoreUnavailable(url="here", detail="full")

    monkeypatch.setattr(store, "save_draft", refuse)
    colors = RunColors(store)
    assert colors.of(["a", "b"]) == colors.of(["a", "b"]) == {"a": 0, "b": 1}


def test_the_oldest_are_forgotten_but_never_those_looked_at(
    store: FakeRunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_colors, "MAX_REMEMBERED", 3)
    colors = RunColors(store)
    colors.of(["a", "b", "c"])
    assert set(colors.of(["a", "d", "e"])) == {"a", "d", "e"}
    assert set(json.loads(store.load_draft(KEY) or "")) == {"a", "d", "e"}
    assert set(colors.of("vwxyz")) == set("vwxyz")
