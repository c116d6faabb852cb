"""Whatever waits and whatever is free: no place twice, nothing beyond capacity, in order, and nothing left idle."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.devices import Devices
from backend.domain.places import Place, Places, need_of
from backend.domain.queue import Plan, Ticket, plan

SIZES = (None, 10, 24, 80)


@st.composite
def machines(draw: st.DrawFn) -> Places:
    places = []
    for number in range(draw(st.integers(0, 5))):
        total = draw(st.sampled_from(SIZES))
        places.append(Place(f"gpu:{number}", total, None if total is None else draw(st.integers(0, total))))
    places += [Place(f"cpu:{number}") for number in range(draw(st.integers(0, 3)))]
    return Places(tuple(places), has_gpus=draw(st.booleans()), note=draw(st.sampled_from(["", "No answer."])))


devices = st.builds(
    Devices,
    processes=st.integers(1, 4),
    kind=st.sampled_from(["auto", "cpu"]),
    memory_bytes=st.one_of(st.none(), st.integers(1, 90)),
)
lines = st.lists(st.tuples(devices, st.sampled_from(["", "", "Waits for X."]), st.booleans()), max_size=8).map(
    lambda drawn: [
        Ticket(f"run-{number}", wanted, "" if is_forced and number < 2 else why, is_forced and number < 2)
        for number, (wanted, why, is_forced) in enumerate(drawn)
    ]
)


def names(places: Places) -> list[str]:
    return [place.name for place in places.all]


@given(lines, machines(), st.data())
def test_the_plan_is_just(line: list[Ticket], places: Places, data: st.DataObject) -> None:
    held = data.draw(st.sets(st.sampled_from(names(places) or ["cpu:9"])))
    made = plan(line, places, held)

    given_out = [name for granted in made.grants.values() for name in granted]
    assert len(given_out) == len(set(given_out)), "no place twice"
    assert set(given_out) <= set(names(places)) - held, "only what is there and free"
    assert not made.grants.keys() & made.reasons.keys()
    for ticket in line:
        check(ticket, line, places, held, made)


def check(ticket: Ticket, line: list[Ticket], places: Places, held: set[str], made: Plan) -> None:
    need = need_of(ticket.devices, places)
    by_name = {place.name: place for place in places.all}
    granted = [by_name[name] for name in made.grants.get(ticket.run_id, ())]
    if ticket.is_forced:
        assert all(map(need.could_use, granted))
        assert len(granted) <= need.count
        return
    if ticket.obstacle:
        assert made.reasons[ticket.run_id] == ticket.obstacle
        return
    if granted:
        assert len(granted) == need.count
        assert all(map(need.fits, granted))
        return
    assert made.reasons[ticket.run_id].startswith("Waits")
    before = line[: line.index(ticket)]
    taken = held | {name for earlier in before for name in made.grants.get(earlier.run_id, ())}
    usable = [place for place in places.all if place.name not in taken and need.fits(place)]
    kept = [place for place in usable if is_kept(place, before, places, taken)]
    assert len(usable) - len(kept) < need.count, "everything startable is started"
    later = line[line.index(ticket) + 1 :]
    coming = [place for place in places.all if need.could_use(place) and (place.name in taken or place in usable)]
    if len(coming) >= need.count and not kept:
        stolen = {name for other in later for name in made.grants.get(other.run_id, ())}
        assert not stolen & {place.name for place in usable}, "nobody behind takes what it waits for"


def is_kept(place: Place, before: list[Ticket], places: Places, taken: set[str]) -> bool:
    """Whether somebody who came earlier and only waits for runs to end may wait for this very place."""
    for earlier in before:
        need = need_of(earlier.devices, places)
        coming = [other for other in places.all if need.could_use(other)]
        can_come = len(coming) >= need.count
        if not earlier.obstacle and not earlier.is_forced and need.fits(place) and can_come:
            return True
    return False


@given(st.lists(devices, min_size=1, max_size=8), machines())
def test_nobody_starves(wanted: list[Devices], places: Places) -> None:
    """Runs end one after the other, small ones keep coming in behind: the line is always served to its end."""
    line = [Ticket(f"run-{number}", need) for number, need in enumerate(wanted)]
    working: dict[str, tuple[str, ...]] = {"before": tuple(names(places)[:1])}
    late = 0
    for _ in range(4 * len(line) + 4):
        held = {name for granted in working.values() for name in granted}
        made = plan(line, places, held)
        working |= made.grants
        line = [ticket for ticket in line if ticket.run_id not in made.grants]
        if late < 20:
            line.append(Ticket(f"late-{late}", Devices()))
            late += 1
        if working:
            working.pop(next(iter(working)))
    for ticket in line:
        need = need_of(ticket.devices, places)
        could = [place for place in places.all if need.fits(place)]
        assert ticket.run_id.startswith("late-") or len(could) < need.count, "only what can never start still waits"
