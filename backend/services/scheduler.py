"""Scheduler: gives the places on devices to waiting runs in order; whoever looks after runs calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import ValidationError

from backend.domain.devices import Devices
from backend.domain.ports import Clock, Executor, PlaceProbe, RunStore
from backend.domain.queue import Plan, Ticket, lacks_places, line, obstacle_after, plan, rank
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.domain.states import ENDS, Liveness, RunState, Wish
from backend.domain.transition import Arrangement, Transition
from backend.errors import NotFoundError
from backend.store.files import read_text
from config.yaml_files import YamlError, parse_yaml

_MOST_TRIES = 50  # each try after the first means that another program has changed some run meanwhile


@dataclass(frozen=True, slots=True)
class _Picture:
    """What was read of the store at a version: runs that somebody has to look after, and what concerns places.

    `held` are the places in use, `leaving` the runs that have some and no right to them any more.
    """

    version: int
    runs: tuple[Run, ...] = ()
    held: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    tickets: tuple[Ticket, ...] = ()


@dataclass(frozen=True, slots=True)
class _Order:
    """The text of a run.yaml, None if it cannot be read, and the devices that it asks for."""

    text: str | None
    devices: Devices


class Scheduler:
    """Safe in any number of programs at once: each change is made only to the store that it was thought out for."""

    def __init__(self, store: RunStore, executor: Executor, clock: Clock, places: PlaceProbe) -> None:
        self._store = store
        self._executor = executor
        self._clock = clock
        self._places = places
        self._picture: _Picture | None = None
        self._orders: Mapping[str, _Order] = {}

    def arrange(self) -> tuple[Run, ...]:
        """Give out what is free; then the runs that somebody has to look after, waiting ones included.

        While nothing changes in the store, no run is read.
        """
        for _ in range(_MOST_TRIES):
            picture = self._look()
            change = self._change(picture)
            if not change:
                return picture.runs
            self._store.arrange(picture.version, change)
        return self._look().runs

    def _look(self) -> _Picture:
        version = self._store.version()
        if self._picture is None or self._picture.version != version:
            runs = tuple(self._store.unsettled())
            held = self._store.slots()
            leaving = self._leaving(frozenset(held.values()) - {run.id for run in runs})
            self._picture = _Picture(version, runs, tuple(held), leaving, self._tickets(runs))
        return self._picture

    def _tickets(self, runs: Sequence[Run]) -> tuple[Ticket, ...]:
        forced, waiting = [run for run in runs if lacks_places(run)], line(runs)
        known = self._orders  # another thread may put its own in the place of it at any time
        orders = {run.id: _order_of(run, known.get(run.id)) for run in (*forced, *waiting)}
        self._orders = orders
        return (
            *(Ticket(run.id, orders[run.id].devices, is_forced=True) for run in forced),
            *(Ticket(run.id, orders[run.id].devices, self._obstacle(run)) for run in waiting),
        )

    def _leaving(self, others: frozenset[str]) -> tuple[str, ...]:
        """Of the runs that have places and nobody has to look after: all but those that pause and keep them."""
        runs = (self._found(run_id) for run_id in sorted(others))
        return tuple(run.id for run in runs if run and not (run.state is RunState.PAUSED and run.keeps_slot))

    def _change(self, picture: _Picture) -> Arrangement:
        runs = {run.id: run for run in picture.runs}
        resting = [run for run in picture.runs if _is_to_rest(run) and self._is_alone(run)]
        made = self._plan(picture)
        waiting = [runs[run_id] for run_id in made.reasons]
        entering = [run for run in waiting if run.state is not RunState.QUEUED and self._is_alone(run)]
        entries = [self._entry(run, made.reasons[run.id]) for run in entering]
        says = {run.id: made.reasons[run.id] for run in waiting if run.state is RunState.QUEUED}
        says |= {run_id: _starts_on(names) for run_id, names in made.grants.items() if not lacks_places(runs[run_id])}
        return Arrangement(
            picture.leaving,
            (*map(self._rest, resting), *entries),
            made.grants,
            {run_id: text for run_id, text in says.items() if runs[run_id].message != text},
        )

    def _plan(self, picture: _Picture) -> Plan:
        """The plan for all tickets but those of runs of which nobody can tell whether they are looked after."""
        if not picture.tickets:
            return Plan()
        make = partial(plan, places=self._places.now(), held=picture.held)
        made = make(picture.tickets)
        runs = {run.id: run for run in picture.runs}
        unknown = {run_id for run_id in made.grants if self._liveness(runs[run_id]) is Liveness.UNKNOWN}
        return make([ticket for ticket in picture.tickets if ticket.run_id not in unknown]) if unknown else made

    def _entry(self, run: Run, reason: str) -> Transition:
        """A run begins to wait. One that goes on after its end comes as a new one, with a clean record."""
        is_anew = run.state in ENDS
        return Transition(
            run_id=run.id,
            fence=run.fence,
            source=run.state,
            target=RunState.QUEUED,
            reason=f"queued: {reason}",
            message=reason,
            at=self._clock.now(),
            failures=0 if is_anew else None,
            error_id="" if is_anew else None,
            queued_at=rank(run).queued_at,
        )

    def _rest(self, run: Run) -> Transition:
        """A run that has not begun is held or stopped; nobody has to be started for that."""
        is_held, said = run.wish is Wish.PAUSE, "Held back: it waits until it is released."
        if run.attempts:
            said = "Paused on request, while it waited for its turn."
        return Transition(
            run_id=run.id,
            fence=run.fence,
            source=run.state,
            target=RunState.PAUSED if is_held else RunState.STOPPED,
            reason="held back on request" if is_held else "stopped on request",
            message=said if is_held else "Stopped on request, while it waited.",
            at=self._clock.now(),
            error_id="",
            queued_at=rank(run).queued_at,
        )

    def _obstacle(self, run: Run) -> str:
        return obstacle_after(run.after, self._found(run.after)) if run.after else ""

    def _found(self, run_id: str) -> Run | None:
        """None for a run that was deleted, perhaps this very moment."""
        try:
            return self._store.get(run_id)
        except NotFoundError:
            return None

    def _is_alone(self, run: Run) -> bool:
        return self._liveness(run) is Liveness.DEAD

    def _liveness(self, run: Run) -> Liveness:
        return self._executor.find(RunDirectory(run.run_dir).supervisor_lock)[0]


def _is_to_rest(run: Run) -> bool:
    return run.state in (RunState.CREATED, RunState.QUEUED) and run.wish is not Wish.RUN


def _starts_on(names: Sequence[str]) -> str:
    return f"Starts on {', '.join(names)}."


def _order_of(run: Run, known: _Order | None) -> _Order:
    """The default devices if the order cannot be read: the run's supervisor will say so."""
    text = read_text(RunDirectory(run.run_dir).config)
    return known if known is not None and known.text == text else _Order(text, devices_in(text or ""))


def devices_in(text: str) -> Devices:
    """The devices that a run.yaml asks for; the default ones if it cannot be read."""
    try:
        order = parse_yaml(text)
        return Devices.model_validate(order.get("devices") or {}) if isinstance(order, Mapping) else Devices()
    except (YamlError, ValidationError):
        return Devices()
