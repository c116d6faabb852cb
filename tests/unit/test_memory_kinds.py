"""What kind of run a forecast takes an order for, and the heap of each C library."""

from typing import Any

import pytest

from backend.domain.memory_calibration import IN_PIECES, forecast
from backend.domain.memory_line import MeasuredPeak, place_of
from backend.domain.memory_order import heap_of, kind_of
from backend.domain.run_config import RunConfig
from backend.domain.speed import HEAP, MAPPED, OLD_HEAP
from backend.executors import own_memory
from tests.fakes.memory import a_record, a_trace

OLD, NEW = "glibc 2.36", "glibc 2.41"


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
def test_the_heap_of_a_c_library_is_known_by_its_version(c_library: str, heap: str) -> None:
    assert heap_of(c_library) == heap


def test_mapped_runs_are_of_one_kind_whatever_the_c_library_and_others_are_not() -> None:
    mapped, plain = ordered(speed={"allocator": "mapped"}), ordered()
    assert kind_of(mapped, "llama", OLD) == kind_of(mapped, "llama", NEW)
    assert kind_of(ordered(training={"gradient_checkpointing": True}), "llama", OLD).endswith(f"/{MAPPED}")
    kinds = [kind_of(plain, "llama", library) for library in (OLD, NEW)]
    assert [kind.rpartition("/")[2] for kind in kinds] == [OLD_HEAP, HEAP]
    assert [place_of("cpu", kind) for kind in kinds] == [f"cpu {OLD_HEAP}", f"cpu {HEAP}"]
    assert {place_of("cuda", kind) for kind in kinds} == {"cuda"}


def test_a_forecast_for_an_old_heap_is_wider_and_says_why() -> None:
    told = {
        library: forecast(a_trace(1000), "cpu", kind_of(ordered(), "llama", library), [], 500_000_000)
        for library in (OLD, NEW)
    }
    assert IN_PIECES in told[OLD].sources
    assert IN_PIECES not in told[NEW].sources
    on_gpu = forecast(a_trace(1000), "cuda", kind_of(ordered(), "llama", OLD), [], 500_000_000)
    assert IN_PIECES not in on_gpu.sources, "a GPU's memory is not the C library's"
    assert told[OLD].likely_bytes > told[NEW].likely_bytes
    assert told[OLD].high_bytes - told[OLD].low_bytes > told[NEW].high_bytes - told[NEW].low_bytes


def test_a_forecast_says_by_how_much_it_is_above_the_middle_while_it_is() -> None:
    trace, kind = a_trace(1000), kind_of(ordered(), "llama", OLD)

    def sources(num_alike: int, kind: str = kind) -> str:
        records = [MeasuredPeak(trace, 1_400_000_000, "cpu", kind)] * num_alike
        return " ".join(forecast(trace, "cpu", kind, records, 500_000_000).sources)

    assert "2.0% more than the middle" in sources(0)
    assert "1.5% more than the middle" in sources(0, kind_of(ordered(speed={"allocator": "mapped"}), "llama", OLD))
    assert "1.2% more than the middle" in sources(5), "five agree: 2.0 % x sqrt(2 / 6)"
    assert "more than the middle" not in sources(4000), "all of them agree"
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
