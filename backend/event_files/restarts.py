"""RestartLog: the steps with which later writing began in one file."""

from collections.abc import Iterable

from backend.domain.curve_merging import Back, Restart

_MAX_RESTARTS = 1_000


class RestartLog:
    """Markers count as they are; a tag that goes back counts unless the last restart explains it.

    It does if the tag's point before is older than that restart.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self._last_position = -1

    def add(self, markers: Iterable[Restart], backs: Iterable[Back]) -> None:
        """What one batch says."""
        found = [(marker.position, marker.position, marker.step) for marker in markers]
        found += [(back.position, back.position_before, back.step) for back in backs]
        for position, position_before, step in sorted(found):
            if position_before > self._last_position:
                self._last_position = position
                self.steps = [*self.steps, step][-_MAX_RESTARTS:]
