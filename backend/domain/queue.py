"""Which of the waiting runs get which places now, and why the others wait. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from backend.domain.devices import Devices
from backend.domain.places import Need, Place, Places, need_of
from backend.domain.run import Run
from backend.domain.states import ENDS, RunState, Wish

RESTING = ENDS | {RunState.CREATED, RunState.QUEUED, RunState.PAUSED}
_BETWEEN_ATTEMPTS = frozenset({RunState.BACKOFF, RunState.INTERRUPTED})
_GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """A run that needs places. `obstacle`: why it may not start, whatever is free; "" if nothing is in the way.

    `is_forced`: it is at work already, so it gets what is left of its need, and never waits.
    """

    run_id: str
    devices: Devices = field(default_factory=Devices)
    obstacle: str = ""
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Who gets which places, and what each of the others waits for, in a sentence."""

    grants: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rank:
    """What decides about the order of waiting runs."""

    priority: int
    queued_at: datetime


def waits(run: Run) -> bool:
    """Whether a run is to go on and has no place for it: then it has no trainer and needs no supervisor."""
    return run.wish is Wish.RUN and not run.slots and run.state in RESTING


def is_held(run: Run) -> bool:
    """Whether a person keeps a run from waiting for its turn."""
    return run.state is RunState.PAUSED and run.wish is Wish.PAUSE and not run.slots


def lacks_places(run: Run) -> bool:
    """Whether a run is at work without the places that it had: the store was made anew, or is older than them."""
    is_ending = run.state in _BETWEEN_ATTEMPTS and run.wish is not Wish.RUN
    return not run.slots and run.state not in RESTING and not is_ending


def rank(run: Run) -> Rank:
    """A run that goes on after its end stands where it would if it had been queued when that was wished."""
    return Rank(run.priority, run.updated_at if run.state in ENDS else run.queued_at or run.created_at)


def line(runs: Iterable[Run]) -> tuple[Run, ...]:
    """The waiting ones in order: higher priority first, then who came earlier."""
    return tuple(sorted(filter(waits, runs), key=lambda run: (-run.priority, rank(run).queued_at, run.id)))


def plan(tickets: Sequence[Ticket], places: Places, held: Collection[str]) -> Plan:
    """Give the free places to the tickets in their order.

    A ticket that only waits until runs end keeps what is free of its places from those behind it: else small
    runs would overtake a large one for ever. One that waits for a person, another run or another program keeps
    nothing.
    """
    free = [place for place in places.all if place.name not in held]
    made = Plan()
    for ticket in tickets:
        need = need_of(ticket.devices, places)
        fitting = [place for place in free if need.fits(place)]
        if ticket.obstacle:
            made.reasons[ticket.run_id] = ticket.obstacle
        elif ticket.is_forced or len(fitting) >= need.count:
            chosen = _chosen(need, free, is_forced=ticket.is_forced)
            if chosen:
                made.grants[ticket.run_id] = tuple(place.name for place in chosen)
            free = [place for place in free if place not in chosen]
        else:
            made.reasons[ticket.run_id] = _reason(need, free, places)
            if _comes_free(need, free, places):
                free = [place for place in free if place not in fitting]
    return made


def reordered(waiting: Sequence[Run], run_id: str, position: int) -> dict[str, Rank]:
    """The new ranks that put a run at a position of the line, 1 for its head; only what changes.

    It takes the priority of the one whose place it takes; within a priority, runs hand their times on.
    """
    old = [run for run in waiting if run.id != run_id]
    moved = next(run for run in waiting if run.id == run_id)
    index = min(max(position, 1), len(waiting)) - 1
    passed = waiting[index]
    new = [*old[:index], moved, *old[index:]]
    priorities = {run.id: passed.priority if run is moved else run.priority for run in new}
    group = [run for run in new if priorities[run.id] == passed.priority]
    ranks = {}
    last: datetime | None = None
    for run, time in zip(group, sorted(rank(run).queued_at for run in group), strict=True):
        last = time if last is None else max(time, last + timedelta(microseconds=1))
        if (run.priority, rank(run).queued_at) != (passed.priority, last):
            ranks[run.id] = Rank(passed.priority, last)
    return ranks


def obstacle_after(name: str, other: Run | None) -> str:
    """What a run waits for that has to start after another one; "" if that one has finished."""
    if other is None:
        return f"Waits for {name}, which is gone; start this one without it."
    if other.state in ENDS and other.wish is not Wish.RUN:
        if other.state is RunState.FINISHED:
            return ""
        how = "failed" if other.state is RunState.FAILED else "was stopped"
        return f"Waits for {other.name}, which {how}; resume {other.name}, or start this one without it."
    if other.state is RunState.PAUSED and other.wish is Wish.PAUSE:
        return f"Waits for the end of {other.name}, which is paused."
    return f"Waits for the end of {other.name}."


def waits_in_vain(run: Run, other: Run | None) -> bool:
    """Whether a waiting run never starts unless a person does something: the one before it will not finish."""
    if not run.after or not waits(run):
        return False
    return other is None or (other.state in ENDS - {RunState.FINISHED} and other.wish is not Wish.RUN)


def _chosen(need: Need, free: Sequence[Place], *, is_forced: bool) -> list[Place]:
    """The smallest devices that do, so that the large ones are left for those who need them."""
    does = need.could_use if is_forced else need.fits
    return sorted(filter(does, free), key=lambda place: place.total_bytes or 0)[: need.count]


def _comes_free(need: Need, free: Sequence[Place], places: Places) -> bool:
    """Whether the need will be met when runs end: nobody else has to do anything."""
    in_use = [place for place in places.all if place not in free and need.could_use(place)]
    return len(in_use) + sum(need.fits(place) for place in free) >= need.count


def _reason(need: Need, free: Sequence[Place], places: Places) -> str:
    if need.kind == "cpu":
        return "Waits until the CPU is free." if places.all else "Waits: no place on a device is given out here."
    wanted = f"{_count(need.count)}{_with_memory(need)}"
    if places.note:
        return f"Waits for {wanted}; the GPUs cannot be asked now. {places.note}"
    usable = [place for place in places.all if need.could_use(place)]
    if len(usable) < need.count:
        return f"Waits for {wanted}; {len(usable) or 'none'} of them can be used from here."
    filled = [place.name for place in free if need.could_use(place) and not need.fits(place)]
    if filled:
        return f"Waits for {wanted}; other programs fill {', '.join(filled)}."
    return f"Waits until {wanted} {'is' if need.count == 1 else 'are'} free."


def _count(number: int) -> str:
    return "a GPU" if number == 1 else f"{number} GPUs"


def _with_memory(need: Need) -> str:
    each = "" if need.count == 1 else " each"
    return f" with {need.memory_bytes / _GIGABYTE:g} GB{each}" if need.memory_bytes else ""
