"""The smallest change of an order that makes it fit into memory, or one that makes it faster where much is free. Pure.

The rows of an optimizer step stay in every proposal. Forecasts cost seconds each, so few are asked for: a bound from
the parts of the first one skips what cannot be enough, and sizes of micro-batches are interpolated.
"""

from collections.abc import Iterable, Sequence

from backend.domain.adjustments import Adjustment, adjusted, difference
from backend.domain.fit_faster import quicker
from backend.domain.fit_levers import LADDER, Facts, Lever, micro_batch
from backend.domain.fit_proposals import Advice, ForecastOf, Goal, Proposal, Unforeseeable
from backend.domain.memory_forecast import MemoryForecast, MemoryPart
from backend.domain.memory_levers import Changes, is_valid, micro_batches
from backend.domain.run_config import RunConfig

FREE_SHARE = 0.45  # of the room: a run that likely takes less leaves much unused
MOST_FORECASTS = 14
MOST_GUESSES = 4  # of the size of a micro-batch
MOST_ALTERNATIVES = 2
NEARLY = 0.5  # of a size that a straight line does not reach: it is tried all the same
MICRO_BATCH = "micro-batch"
IMPLIED_BY = {"allocator": "checkpointing"}
ALONE = ("allocator", "checkpointing", "length", "optimizer", "int8", "nf4", "method")


def advise(
    config: RunConfig, room_bytes: int, forecast_of: ForecastOf, facts: Facts, *, has_alternatives: bool = True
) -> Advice:
    """Proposals, the one that changes least first; as far as forecasts are known. Alternatives cost more of them."""
    search = _Search(config, room_bytes, forecast_of, facts)
    search.has_alternatives = has_alternatives
    waits_for: RunConfig | None = None
    try:
        search.run()
    except _Waits as missing:
        waits_for = missing.config
    except (Unforeseeable, _Enough):
        pass
    return Advice(
        search.goal,
        room_bytes,
        tuple(search.proposals),
        search.known.get(config.model_dump_json()),
        min(search.known.values(), key=lambda found: found.high_bytes, default=None),
        waits_for,
        len(search.known),
    )


class _Waits(Exception):
    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config


class _Enough(Exception):
    """As many forecasts were asked for as one search may."""


Names = tuple[str, ...]


class _Search:
    """One run through the levers; forecasts that are known cost nothing the second time."""

    def __init__(self, config: RunConfig, room: int, forecast_of: ForecastOf, facts: Facts) -> None:
        self._config = config
        self._room = room
        self._forecast_of = forecast_of
        self._facts = facts
        self._made: dict[Names, tuple[list[Lever], RunConfig]] = {}
        self._tried: list[Names] = []
        self.has_alternatives = True
        self.goal = Goal.UNKNOWN
        self.known: dict[str, MemoryForecast] = {}
        self.proposals: list[Proposal] = []

    def run(self) -> None:
        """Fill in the goal and the proposals."""
        now = self._forecast(self._config)
        if now.high_bytes > self._room:
            self.goal = Goal.FIT
            self._make_fit()
        elif now.likely_bytes < FREE_SHARE * self._room:
            self.goal = Goal.FASTER
            self._make_faster()
        else:
            self.goal = Goal.NOTHING

    def _make_fit(self) -> None:
        enough = self._enough()
        if enough:
            smallest = self._without_needless(enough)
            self._propose(self._with_largest_micro_batch(smallest))
            if self.has_alternatives:
                self._add_alternatives(smallest)
        elif nearly := self._nearly_enough():
            self._propose(self._levers(nearly))

    def _make_faster(self) -> None:
        for choices in quicker(self._config, self._facts):
            fitting = (lever for lever in choices if self._is_within(self._changed(lever.changes)))
            if (lever := next(fitting, None)) is not None:
                self._propose([lever])

    def _enough(self) -> Names | None:
        """The first levers of the ladder that are enough together; one that cannot be forecast is left out."""
        chosen: Names = ()
        for name in LADDER:
            longer = (*chosen, name)
            if not self._adds(chosen, name) or (
                not self._cannot_be_enough(longer) and not self._is_foreseeable(longer)
            ):
                continue
            chosen = longer
            self._tried.append(chosen)
            if not self._cannot_be_enough(chosen) and self._fits(chosen):
                return chosen
        return None

    def _nearly_enough(self) -> Names | None:
        """The first levers with which the likeliest value at least is within the room."""
        for names in self._tried:
            found = self.known.get(self._order(names).model_dump_json())
            if found is not None and found.likely_bytes <= self._room:
                return tuple(name for name in names if IMPLIED_BY.get(name) not in names)
        return None

    def _without_needless(self, names: Names) -> Names:
        """Levers that the later ones made needless are left out, those that change most first."""
        for name in reversed(names[:-1]):
            fewer = tuple(each for each in names if each != name)
            if name != MICRO_BATCH and not self._cannot_be_enough(fewer) and self._fits(fewer):
                names = fewer
        return names

    def _with_largest_micro_batch(self, names: Names) -> list[Lever]:
        """The levers, with as many rows at a time as still fit."""
        rest = tuple(name for name in names if name != MICRO_BATCH)
        levers = self._levers(rest)
        if MICRO_BATCH not in names:
            return levers
        order = self._order(rest)
        sizes = [size for size in micro_batches(order, order.training.batch_size) if self._is_size(order, size)]
        if rest and self._fits(rest):
            return levers
        low, high = 0, len(sizes) - 1
        for _ in range(MOST_GUESSES):
            if high - low <= 1:
                break
            middle = self._guess(order, sizes, low, high)
            if middle is None:
                break
            if self._is_within(_with(order, micro_batch(order, sizes[middle]).changes)):
                low = middle
            else:
                high = middle
        return [micro_batch(order, sizes[low]), *levers]

    def _guess(self, order: RunConfig, sizes: Sequence[int], low: int, high: int) -> int | None:
        """Between two sizes, the one that should just fit if memory grows evenly with the rows; None if none should.

        It seldom grows quite evenly: small sizes may take no more than loading does, and a processor's micro-batches
        have a largest size.
        """
        ends = [
            self.known.get(_with(order, micro_batch(order, sizes[i]).changes).model_dump_json()) for i in (low, high)
        ]
        small, large = ends
        if small is None or large is None or large.high_bytes <= small.high_bytes:
            return (low + high) // 2
        share = (self._room - small.high_bytes) / (large.high_bytes - small.high_bytes)
        wanted = sizes[low] + share * (sizes[high] - sizes[low])
        found = max(i for i in range(low, high) if sizes[i] <= wanted or i == low)
        return found if found > low else low + 1 if wanted > NEARLY * sizes[low + 1] else None

    def _add_alternatives(self, names: Names) -> None:
        """Single levers that are enough by themselves."""
        found = 0
        for name in ALONE:
            if (name,) == names or found >= MOST_ALTERNATIVES or not self._adds((), name):
                continue
            if not self._cannot_be_enough((name,)) and self._fits((name,)):
                self._propose(self._levers((name,)))
                found += 1
                if name == "int8":  # fewer bits are not needed then
                    return

    def _propose(self, found: Sequence[Lever]) -> None:
        levers = [lever for i, lever in enumerate(found) if not _is_replaced(lever, found[i + 1 :])]
        changes: Changes = {key: value for lever in levers for key, value in lever.changes.items()}
        if any(proposal.changes == changes for proposal in self.proposals):
            return
        forecast = self._forecast(self._changed(changes))
        reason = _sentence(lever.reason for lever in levers)
        cost = _sentence(dict.fromkeys(lever.cost for lever in levers))
        is_certain = forecast.high_bytes <= self._room
        words = difference(self._config, changes)
        self.proposals.append(Proposal(changes, words, reason, cost, forecast, is_certain))

    def _cannot_be_enough(self, names: Names) -> bool:
        """Whether even at their best the levers leave more than the room, by the parts of the first forecast."""
        now = self._forecast(self._config)
        leaves: dict[MemoryPart, float] = {MemoryPart.MARGIN: 0.0}
        for lever in self._levers(names):
            for part, share in lever.leaves.items():
                leaves[part] = leaves.get(part, 1.0) * share
        return sum(size * leaves.get(part, 1.0) for part, size in now.parts.items() if size > 0) > self._room

    def _adds(self, chosen: Names, name: str) -> bool:
        return len(self._levers((*chosen, name))) > len(self._levers(chosen))

    def _levers(self, names: Names) -> list[Lever]:
        return self._changed_by(names)[0]

    def _order(self, names: Names) -> RunConfig:
        return self._changed_by(names)[1]

    def _changed_by(self, names: Names) -> tuple[list[Lever], RunConfig]:
        """Each lever as it is on top of those before it, and the order with all of them."""
        if names not in self._made:
            levers, order = self._changed_by(names[:-1]) if names else ([], self._config)
            lever = LADDER[names[-1]](order, self._facts) if names else None
            self._made[names] = ([*levers, lever], _with(order, lever.changes)) if lever else (levers, order)
        return self._made[names]

    def _changed(self, changes: Changes) -> RunConfig:
        return _with(self._config, changes)

    def _is_size(self, order: RunConfig, size: int) -> bool:
        return size == order.training.batch_size or is_valid(order, micro_batch(order, size).changes)

    def _is_foreseeable(self, names: Names) -> bool:
        try:
            self._forecast(self._order(names))
        except Unforeseeable:
            return False
        return True

    def _fits(self, names: Names) -> bool:
        return self._is_within(self._order(names))

    def _is_within(self, config: RunConfig) -> bool:
        try:
            return self._forecast(config).high_bytes <= self._room
        except Unforeseeable:
            if config == self._config:
                raise
            return False

    def _forecast(self, config: RunConfig) -> MemoryForecast:
        key = config.model_dump_json()
        if key not in self.known:
            if len(self.known) >= MOST_FORECASTS:
                raise _Enough
            found = self._forecast_of(config)
            if found is None:
                raise _Waits(config)
            self.known[key] = found
        return self.known[key]


def _with(config: RunConfig, changes: Changes) -> RunConfig:
    return adjusted(config, (Adjustment(attempt=1, reason="", changes=changes),))


def _is_replaced(lever: Lever, later: Sequence[Lever]) -> bool:
    """Whether nothing of its changes is left after the later ones."""
    keys = {key for other in later for key in other.changes}
    return all(key in keys or key.partition(".")[0] in keys for key in lever.changes)


def _sentence(parts: Iterable[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."
