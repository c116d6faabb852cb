"""RunColors: the colour of each run and log directory, the same on every page and after every restart."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterable

from backend.domain.board import NUM_COLORS
from backend.domain.ports import DraftStore
from backend.errors import StorageError

KEY = "run-colors"
MAX_REMEMBERED = 5_000  # sources; the longest known are forgotten first


class RunColors:
    """Numbers from 0 to NUM_COLORS - 1 for sources such as `run:ID`; thread-safe.

    A new source gets the colour that was given least often, the lowest of these. What the store cannot keep holds
    until the studio ends.
    """

    def __init__(self, store: DraftStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._colors: dict[str, int] | None = None

    def of(self, sources: Iterable[str]) -> dict[str, int]:
        """The colour of each of these sources, in their order."""
        wanted = tuple(dict.fromkeys(sources))
        with self._lock:
            known = self._known()
            new = [source for source in wanted if source not in known]
            if new:
                known = self._assign(new, wanted)
            return {source: known[source] for source in wanted}

    def _known(self) -> dict[str, int]:
        if self._colors is None:
            self._colors = self._kept()
        return self._colors

    def _assign(self, new: list[str], wanted: tuple[str, ...]) -> dict[str, int]:
        """Another studio over the same store may have coloured some meanwhile: what it kept counts."""
        known = self._colors = self._kept() | (self._colors or {})
        uses = Counter(known.values())
        for source in new:
            if source not in known:
                known[source] = min(range(NUM_COLORS), key=lambda color: (uses[color], color))
                uses[known[source]] += 1
        looked_at = frozenset(wanted)
        oldest = [source for source in known if source not in looked_at]
        for source in oldest[: max(0, len(known) - MAX_REMEMBERED)]:
            del known[source]
        try:
            self._store.save_draft(KEY, json.dumps(known))
        except StorageError as error:
            logging.getLogger(__name__).warning("the runs' colours were not stored: %s", error)
        return known

    def _kept(self) -> dict[str, int]:
        try:
            kept = json.loads(self._store.load_draft(KEY) or "{}")
        except (StorageError, ValueError, RecursionError):
            return {}
        found = kept.items() if isinstance(kept, dict) else ()
        return {name: color for name, color in found if type(color) is int and 0 <= color < NUM_COLORS}
