"""Places, the plan of the queue case by case, its order, and what a person does to it in words."""

from dataclasses import replace
from datetime import timedelta

import pytest

from backend.domain.devices import Devices
from backend.domain.machine import Gpu, GpuReading
from backend.domain.places import Need, Place, Places, need_of, places_of, visible_devices
from backend.domain.queue import Ticket, lacks_places, line, obstacle_after, plan, reordered, waits
from backend.domain.run import Attempt, Run
from backend.domain.states import RunState, Wish
from tests.fakes.runs import NOON, a_run

GB = 1_000_000_000
ONE, TWO = Devices(), Devices(processes=2)
CPU = Devices(kind="cpu")


def gpu(index: int, used: int = 0, total: int | None = 80 * GB) -> Gpu:
    return Gpu(index, "H200", f"GPU-{index}abc", total, None if total is None else used)


READING = GpuReading(gpus=(gpu(0), gpu(1, 60 * GB), gpu(2, total=None)))


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, ["gpu:0", "gpu:1", "gpu:2"]),
        ("", []),
        ("2,0", ["gpu:2", "gpu:0"]),
        ("GPU-1abc", ["gpu:1"]),
        ("GPU-1", ["gpu:1"]),
        ("0,7,1", ["gpu:0"]),
        ("GPU-", []),
        ("-1", []),
        ("0,0", ["gpu:0"]),
        ("MIG-5c89,1", ["gpu:MIG-5c89", "gpu:1"]),
    ],
)
def test_the_visible_devices_are_places(visible: str | None, expected: list[str]) -> None:
    places = places_of(READING, visible, cpu_slots=1)
    assert [place.name for place in places.all] == [*expected, "cpu:0"]
    assert (places.has_gpus, places.note) == (True, "")


def test_the_free_memory_of_a_place_is_measured() -> None:
    _, filled, unknown, *_ = places_of(READING, None, cpu_slots=2).all
    assert (filled.total_bytes, filled.free_bytes) == (80 * GB, 20 * GB)
    assert (unknown.total_bytes, unknown.free_bytes) == (None, None)


def test_a_driver_that_does_not_answer_leaves_no_run_to_the_processor() -> None:
    places = places_of(GpuReading(note="The NVIDIA driver does not answer.", is_certain=False), None, 1)
    made = plan([Ticket("a"), Ticket("b", CPU)], places, ())
    assert made.grants == {"b": ("cpu:0",)}
    assert "The NVIDIA driver does not answer." in made.reasons["a"]


@pytest.mark.parametrize(
    ("devices", "has_gpus", "expected"),
    [
        (ONE, False, Need("cpu")),
        (Devices(processes=4), False, Need("cpu")),
        (TWO, True, Need("gpu", 2)),
        (Devices(memory_bytes=5), True, Need("gpu", 1, 5)),
        (Devices(kind="cpu", processes=4), True, Need("cpu")),
    ],
)
def test_a_run_needs_a_gpu_per_process_or_the_processor(devices: Devices, has_gpus: bool, expected: Need) -> None:
    assert need_of(devices, Places((), has_gpus)) == expected


@pytest.mark.parametrize(
    ("slots", "devices", "expected"),
    [
        (("gpu:0",), ONE, {"CUDA_VISIBLE_DEVICES": "0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        (("gpu:1", "gpu:MIG-5"), TWO, {"CUDA_VISIBLE_DEVICES": "1,MIG-5", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}),
        (("cpu:0",), ONE, {}),
        (("cpu:0",), CPU, {"CUDA_VISIBLE_DEVICES": ""}),
        ((), ONE, {}),
    ],
)
def test_a_trainer_is_shown_its_places(slots: tuple[str, ...], devices: Devices, expected: dict[str, str]) -> None:
    assert visible_devices(slots, devices) == expected


def machine(*free: int | None, cpus: int = 1) -> Places:
    gpus = [Place(f"gpu:{i}", 80 * GB, None if gb is None else gb * GB) for i, gb in enumerate(free)]
    return Places((*gpus, *(Place(f"cpu:{i}") for i in range(cpus))), bool(free))


@pytest.mark.parametrize(
    ("tickets", "places", "held", "grants", "reasons"),
    [
        pytest.param(
            [Ticket("a"), Ticket("b")],
            machine(),
            (),
            {"a": ("cpu:0",)},
            {"b": "Waits until the CPU is free."},
            id="one on the processor",
        ),
        pytest.param(
            [Ticket("a"), Ticket("b")],
            machine(80, 80),
            (),
            {"a": ("gpu:0",), "b": ("gpu:1",)},
            {},
            id="two at once on two GPUs",
        ),
        pytest.param(
            [Ticket("a", TWO), Ticket("b")],
            machine(80, 80),
            ("gpu:0",),
            {},
            {"a": "Waits until 2 GPUs are free.", "b": "Waits until a GPU is free."},
            id="a small one does not overtake a large one",
        ),
        pytest.param(
            [Ticket("a", TWO), Ticket("b"), Ticket("c", CPU)],
            machine(80, 10),
            (),
            {"b": ("gpu:0",), "c": ("cpu:0",)},
            {"a": "Waits for 2 GPUs; other programs fill gpu:1."},
            id="a device lies idle for nobody who waits for other programs",
        ),
        pytest.param(
            [Ticket("a", Devices(processes=3)), Ticket("b")],
            machine(80, 80),
            (),
            {"b": ("gpu:0",)},
            {"a": "Waits for 3 GPUs; 2 of them can be used from here."},
            id="what can never start is in nobody's way",
        ),
        pytest.param(
            [Ticket("a", Devices(memory_bytes=30 * GB)), Ticket("b", Devices(memory_bytes=5 * GB))],
            machine(20),
            (),
            {"b": ("gpu:0",)},
            {"a": "Waits for a GPU with 30 GB; other programs fill gpu:0."},
            id="memory that is needed is compared with what is free",
        ),
        pytest.param(
            [Ticket("a", obstacle="Waits for X."), Ticket("b")],
            machine(),
            (),
            {"b": ("cpu:0",)},
            {"a": "Waits for X."},
            id="who waits for another run blocks nobody",
        ),
        pytest.param(
            [Ticket("old", is_forced=True), Ticket("older", is_forced=True), Ticket("a")],
            machine(),
            (),
            {"old": ("cpu:0",)},
            {"a": "Waits until the CPU is free."},
            id="what is at work already comes first and never waits",
        ),
        pytest.param(
            [Ticket("a")],
            Places((Place("cpu:0"),), has_gpus=True),
            (),
            {},
            {"a": "Waits for a GPU; none of them can be used from here."},
            id="a GPU that is hidden here is not replaced by the processor",
        ),
    ],
)
def test_the_plan(
    tickets: list[Ticket],
    places: Places,
    held: tuple[str, ...],
    grants: dict[str, tuple[str, ...]],
    reasons: dict[str, str],
) -> None:
    made = plan(tickets, places, held)
    assert (made.grants, made.reasons) == (grants, reasons)


def test_the_smallest_device_that_does_is_taken() -> None:
    places = Places((Place("gpu:0", 80, 80), Place("gpu:1", 24, 24)), has_gpus=True)
    made = plan([Ticket("a", Devices(memory_bytes=10)), Ticket("b", Devices(memory_bytes=60))], places, ())
    assert made.grants == {"a": ("gpu:1",), "b": ("gpu:0",)}


def queued(name: str, seconds: int, priority: int = 0, **facts: object) -> Run:
    at = NOON + timedelta(seconds=seconds)
    return a_run(name, state=RunState.QUEUED, queued_at=at, priority=priority, **facts)


def test_the_line_is_by_priority_then_by_time() -> None:
    resumed = replace(queued("resumed", 0), state=RunState.STOPPED, updated_at=NOON + timedelta(seconds=9))
    runs = [queued("late", 5), resumed, queued("first", 7, 1), queued("early", 1), a_run("at-work", slots=("cpu:0",))]
    assert [run.id for run in line(runs)] == ["first", "early", "late", "resumed"]


@pytest.mark.parametrize(
    ("state", "wish", "slots", "does_wait", "does_lack"),
    [
        (RunState.CREATED, Wish.RUN, (), True, False),
        (RunState.QUEUED, Wish.RUN, ("cpu:0",), False, False),
        (RunState.QUEUED, Wish.STOP, (), False, False),
        (RunState.FINISHED, Wish.RUN, (), True, False),
        (RunState.FAILED, Wish.STOP, (), False, False),
        (RunState.PAUSED, Wish.PAUSE, (), False, False),
        (RunState.PAUSED, Wish.RUN, (), True, False),
        (RunState.RUNNING, Wish.RUN, (), False, True),
        (RunState.RUNNING, Wish.STOP, (), False, True),
        (RunState.INTERRUPTED, Wish.RUN, (), False, True),
        (RunState.INTERRUPTED, Wish.STOP, (), False, False),
        (RunState.BACKOFF, Wish.RUN, ("cpu:0",), False, False),
    ],
)
def test_who_waits_and_who_lacks_a_place(
    state: RunState, wish: Wish, slots: tuple[str, ...], does_wait: bool, does_lack: bool
) -> None:
    run = a_run(state=state, wish=wish, slots=slots)
    assert (waits(run), lacks_places(run)) == (does_wait, does_lack)


@pytest.mark.parametrize(
    ("run_id", "position", "expected"),
    [
        ("d", 1, "dabc"),
        ("a", 2, "bacd"),
        ("a", 99, "bcda"),
        ("c", 3, "abcd"),
        ("b", 1, "bacd"),
        ("d", -4, "dabc"),
    ],
)
@pytest.mark.parametrize("priorities", [(0, 0, 0, 0), (2, 1, 1, 0)])
@pytest.mark.parametrize("seconds", [(1, 2, 3, 4), (1, 1, 1, 1)])
def test_a_run_is_moved_to_any_place(
    run_id: str, position: int, expected: str, priorities: tuple[int, ...], seconds: tuple[int, ...]
) -> None:
    runs = {
        name: queued(name, second, priority) for name, second, priority in zip("abcd", seconds, priorities, strict=True)
    }
    for name, ranked in reordered(line(runs.values()), run_id, position).items():
        runs[name] = replace(runs[name], priority=ranked.priority, queued_at=ranked.queued_at)
    assert "".join(run.id for run in line(runs.values())) == expected


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (None, "Waits for x, which is gone; start this one without it."),
        (a_run(state=RunState.FINISHED, wish=Wish.STOP), ""),
        (a_run(state=RunState.FINISHED, wish=Wish.RUN), "Waits for the end of A run."),
        (
            a_run(state=RunState.FAILED, wish=Wish.STOP),
            "Waits for A run, which failed; resume A run, or start this one without it.",
        ),
        (
            a_run(state=RunState.STOPPED, wish=Wish.STOP),
            "Waits for A run, which was stopped; resume A run, or start this one without it.",
        ),
        (a_run(state=RunState.FAILED, wish=Wish.RUN), "Waits for the end of A run."),
        (a_run(state=RunState.PAUSED, wish=Wish.PAUSE), "Waits for the end of A run, which is paused."),
        (a_run(state=RunState.RUNNING, attempts=(Attempt(1, "t", NOON),)), "Waits for the end of A run."),
    ],
)
def test_what_a_run_waits_for_that_comes_after_another(other: Run | None, words: str) -> None:
    assert obstacle_after("x", other) == words
