"""What kind of run a forecast takes an order for, and the heap of each C library."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.heap import HEAP, MAPPED, OLD_HEAP, TUNABLES, as_given, heap_of, joining
from backend.domain.memory_calibration import IN_PIECES, forecast
from backend.domain.memory_line import MeasuredPeak, place_of
from backend.domain.memory_order import kind_of
from backend.domain.run_config import RunConfig
from backend.executors import own_memory
from tests.fakes.memory import a_record, a_trace

OLD, NEW = "glibc 2.36", "glibc 2.41"
NO_CACHES = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"


def ordered(**changed: Any) -> RunConfig:
    return RunConfig.model_validate({"name": "a", "base_model": "m", "dataset": {"path": "rows.jsonl"}, **changed})


@pytest.mark.parametrize(
    ("c_library", "heap"),
    [
        (OLD, OLD_HEAP),
        ("glibc 2.38", OLD_HEAP),
        ("glibc 2.39", HEAP),
        (NEW, HEAP),
        ("glibc 2.41.9000", HEAP),
        ("glibc 3.0", HEAP),
        ("musl 1.2.5", HEAP),
        ("", HEAP),
    ],
)
def test_the_heap_of_a_c_library_is_known_by_its_version_and_each_can_be_joined(c_library: str, heap: str) -> None:
    assert heap_of(c_library, "") == heap
    assert heap_of(c_library, NO_CACHES) == HEAP
    wanted = joining(c_library, "")
    assert heap_of(c_library, wanted) == HEAP
    assert (wanted == "") == (heap == HEAP), "nothing is said where nothing is to be mended"
    assert joining(c_library, wanted) == wanted, "also by a program that was started so itself"


def test_what_a_c_library_cuts_is_put_together_again() -> None:
    cut = {"A": "1", TUNABLES: "glibc.malloc.check=3", "glibc.malloc.tcache_count": "0", "glibc.malloc.mxfast": "0"}
    assert as_given(cut) == {"A": "1", TUNABLES: f"glibc.malloc.check=3:{NO_CACHES}"}
    for whole in ({}, {"A": "1"}, {TUNABLES: NO_CACHES}, {"glibc.malloc.mxfast": "0"}):
        assert as_given(whole) == whole


def test_what_a_person_has_tuned_stays() -> None:
    assert joining(OLD, "glibc.malloc.check=3") == f"glibc.malloc.check=3:{NO_CACHES}"
    kept = joining(OLD, "glibc.malloc.tcache_count=20")
    assert kept == "glibc.malloc.tcache_count=20:glibc.malloc.mxfast=0"
    assert heap_of(OLD, kept) == OLD_HEAP
    assert joining(NEW, "glibc.malloc.check=3") == "glibc.malloc.check=3"
    assert heap_of(OLD, f"{NO_CACHES}:glibc.malloc.mxfast=64") == OLD_HEAP, "what is said last counts"
    assert heap_of(OLD, f"nonsense::{NO_CACHES}") == HEAP


@given(st.text(alphabet="glibc.maofxst_nu=:017", max_size=80), st.sampled_from([OLD, NEW, "musl 1.2.5", ""]))
def test_joining_keeps_all_that_was_given_and_says_nothing_twice(given_text: str, c_library: str) -> None:
    wanted = joining(c_library, given_text)
    assert wanted.startswith(given_text)
    assert joining(c_library, wanted) == wanted
    if "tcache_count" not in given_text and "mxfast" not in given_text:
        assert heap_of(c_library, wanted) == HEAP


def test_children_have_a_heap_that_is_joined_whatever_the_c_library(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, wanted in ((OLD, {TUNABLES: NO_CACHES}), (NEW, {})):
        monkeypatch.setattr(own_memory, "c_library", lambda name=name: name)
        monkeypatch.delenv(TUNABLES, raising=False)
        assert own_memory.joined_heap() == wanted
        assert own_memory.heap_of_trainers() == HEAP
        monkeypatch.setenv(TUNABLES, "glibc.malloc.tcache_count=7")
        assert own_memory.own_heap() == own_memory.heap_of_trainers() == (OLD_HEAP if name == OLD else HEAP)
    assert own_memory.joined_heap(NEW) == {TUNABLES: "glibc.malloc.tcache_count=7"}


def test_mapped_runs_are_of_one_kind_whatever_the_heap_and_others_are_not() -> None:
    mapped, plain = ordered(speed={"allocator": "mapped"}), ordered()
    assert kind_of(mapped, "llama", OLD_HEAP) == kind_of(mapped, "llama", HEAP)
    assert kind_of(ordered(training={"gradient_checkpointing": True}), "llama", OLD_HEAP).endswith(f"/{MAPPED}")
    kinds = [kind_of(plain, "llama", heap) for heap in (OLD_HEAP, HEAP)]
    assert [kind.rpartition("/")[2] for kind in kinds] == [OLD_HEAP, HEAP]
    assert [place_of("cpu", kind) for kind in kinds] == [f"cpu {OLD_HEAP}", f"cpu {HEAP}"]
    assert {place_of("cuda", kind) for kind in kinds} == {"cuda"}


def test_a_forecast_for_an_old_heap_is_wider_and_says_why() -> None:
    told = {
        heap: forecast(a_trace(1000), "cpu", kind_of(ordered(), "llama", heap), [], 500_000_000)
        for heap in (OLD_HEAP, HEAP)
    }
    assert IN_PIECES in told[OLD_HEAP].sources
    assert IN_PIECES not in told[HEAP].sources
    on_gpu = forecast(a_trace(1000), "cuda", kind_of(ordered(), "llama", OLD_HEAP), [], 500_000_000)
    assert IN_PIECES not in on_gpu.sources, "a GPU's memory is not the C library's"
    assert told[OLD_HEAP].likely_bytes > told[HEAP].likely_bytes
    assert told[OLD_HEAP].high_bytes - told[OLD_HEAP].low_bytes > told[HEAP].high_bytes - told[HEAP].low_bytes


def test_a_forecast_says_by_how_much_it_is_above_the_middle_while_it_is() -> None:
    trace, kind = a_trace(1000), kind_of(ordered(), "llama", OLD_HEAP)

    def sources(num_alike: int, kind: str = kind) -> str:
        records = [MeasuredPeak(trace, 1_400_000_000, "cpu", kind)] * num_alike
        return " ".join(forecast(trace, "cpu", kind, records, 500_000_000).sources)

    assert "3.0% more than the middle" in sources(0)
    assert "1.5% more than the middle" in sources(0, kind_of(ordered(speed={"allocator": "mapped"}), "llama", OLD_HEAP))
    assert "1.7% more than the middle" in sources(5), "five agree: 3.0 % x sqrt(2 / 6)"
    assert "more than the middle" not in sources(8000), "all of them agree"
    on_gpu = forecast(trace, "cuda", kind, [], 500_000_000)
    assert not any("middle" in source for source in on_gpu.sources), "its allocator is the same every time"


def test_a_record_tells_its_c_library_and_an_old_one_none() -> None:
    record = a_record(40)
    assert record.c_library == ""
    assert record.model_copy(update={"versions": {"glibc": "2.41", "torch": "2"}}).c_library == NEW


def test_this_process_tells_its_c_library_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = own_memory.c_library()
    assert found == "" or found.split()[0] == "glibc"

    def unknown(_name: str) -> str:
        raise ValueError

    monkeypatch.setattr(own_memory.os, "confstr", unknown, raising=False)
    assert own_memory.c_library() == ""
