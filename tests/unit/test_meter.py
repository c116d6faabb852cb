"""Speed and the split of a step's time are measured over the steps, and a device is never waited for."""

from dataclasses import dataclass, field

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.trainer.marks import device_marks
from backend.trainer.meter import Meter

MASK = torch.tensor([[1, 1, 1], [1, 0, 0]])
SECONDS = st.integers(0, 1000).map(float)


@dataclass
class Hand:
    """A clock that moves when told."""

    at: float = 100.0

    def __call__(self) -> float:
        return self.at


@dataclass
class Device:
    """Marks that are past only as far as the device has come; its seconds are three times the host's."""

    clock: Hand
    reached: int = 0
    marks: list["DeviceMark"] = field(default_factory=list)

    def mark(self) -> "DeviceMark":
        self.marks.append(DeviceMark(self, len(self.marks), self.clock.at * 3))
        return self.marks[-1]


@dataclass
class DeviceMark:
    device: Device
    number: int
    at: float

    def is_past(self) -> bool:
        return self.number < self.device.reached

    def seconds_since(self, earlier: "DeviceMark") -> float:
        assert self.is_past()
        assert earlier.is_past()
        return self.at - earlier.at


def step(meter: Meter, clock: Hand, data: float, learning: float, optimizer: float) -> None:
    meter.begin_step()
    clock.at += data
    meter.fetched()
    meter.count(MASK)
    clock.at += learning
    meter.learned()
    clock.at += optimizer
    meter.end_step()


def test_speed_is_measured_over_the_steps_alone() -> None:
    clock = Hand()
    meter = Meter(clock)
    assert meter.take() == {}
    for seconds in (1.0, 3.0):
        clock.at += 50  # evaluating
        step(meter, clock, 0.0, seconds, 0.0)
    assert meter.recent_seconds_per_step == 2.0
    found = meter.take()
    assert (found["perf/seconds_per_step"], found["perf/tokens_per_second"]) == (2.0, 2.0)
    assert meter.take() == {}


@settings(max_examples=200)
@given(st.lists(st.tuples(SECONDS, SECONDS, SECONDS, SECONDS), min_size=1, max_size=12))
def test_the_parts_of_steps_add_up_to_the_steps_and_checkpoints_come_on_top(parts: list[tuple[float, ...]]) -> None:
    clock = Hand()
    meter = Meter(clock)
    for data, learning, optimizer, saving in parts:
        step(meter, clock, data, learning, optimizer)
        with meter.saving():
            clock.at += saving
    found = meter.take()
    if not any(sum(part[:3]) for part in parts):
        assert found == {}
        return
    names = ("data", "forward_backward", "optimizer", "checkpoint")
    means = [sum(column) / len(parts) for column in zip(*parts, strict=True)]
    assert [found[f"perf/{name}_seconds"] for name in names] == pytest.approx(means)
    assert sum(means[:3]) == pytest.approx(found["perf/seconds_per_step"])


def test_a_device_that_is_behind_is_not_waited_for_and_its_steps_come_with_the_next_point() -> None:
    clock = Hand()
    device = Device(clock)
    meter = Meter(clock, device.mark)
    step(meter, clock, 1.0, 2.0, 4.0)
    step(meter, clock, 1.0, 4.0, 6.0)
    device.reached = 2  # of the first step's three marks
    assert "perf/forward_backward_seconds" not in meter.take()
    step(meter, clock, 1.0, 6.0, 8.0)
    device.reached = 6
    found = meter.take()
    assert found["perf/forward_backward_seconds"] == 3 * (2 + 4) / 2
    assert found["perf/optimizer_seconds"] == 3 * (4 + 6) / 2
    assert found["perf/data_seconds"] == 1.0


def test_tokens_for_the_count_and_tokens_for_the_speed_are_taken_apart_from_one_another() -> None:
    clock = Hand()
    meter = Meter(clock)
    step(meter, clock, 0.0, 1.0, 0.0)
    assert meter.take_tokens() == 4
    step(meter, clock, 0.0, 1.0, 0.0)
    assert meter.take()["perf/tokens_per_second"] == 4.0
    assert meter.take_tokens() == 4
    assert meter.take_tokens() == 0


def test_on_a_gpu_moments_are_events_in_its_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    class Event:
        """torch.cuda.Event, whose times are told in milliseconds."""

        times = iter([1000.0, 3500.0])

        def __init__(self, *, enable_timing: bool) -> None:
            assert enable_timing
            self.at: float | None = None

        def record(self) -> None:
            self.at = next(self.times)

        def query(self) -> bool:
            return self.at != 3500.0

        def elapsed_time(self, later: "Event") -> float:
            return (later.at or 0.0) - (self.at or 0.0)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device_marks() is None
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    mark = device_marks()
    assert mark is not None
    first, second = mark(), mark()
    assert (first.is_past(), second.is_past()) == (True, False)
    assert second.seconds_since(first) == 2.5


def test_the_parts_of_a_step_are_never_more_than_the_step_when_the_host_is_held_up_at_its_end() -> None:
    clock, is_held_up = Hand(), False

    def looked() -> float:
        clock.at += is_held_up
        return clock.at

    meter = Meter(looked)
    meter.begin_step()
    clock.at += 1
    meter.fetched()
    clock.at += 2
    meter.learned()
    is_held_up = True  # a second before each further look at the clock
    meter.end_step()
    found = meter.take()
    parts = ("perf/data_seconds", "perf/forward_backward_seconds", "perf/optimizer_seconds")
    assert sum(found[part] for part in parts) == 4
    assert found["perf/seconds_per_step"] == 5
