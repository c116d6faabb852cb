"""ChatPlace: whether a model may be loaded for Chat now, or which runs on its device it would disturb."""

from collections.abc import Collection
from typing import Literal

from backend.domain.chat_place import CPU, Verdict, device_of, judge
from backend.domain.devices import Devices
from backend.domain.places import Places, need_of
from backend.domain.ports import PlaceProbe, RunStore
from backend.domain.queue import waits
from backend.domain.run import Run
from backend.domain.run_directory import RunDirectory
from backend.services.data_cache import DataCache
from backend.services.scheduler import devices_in
from backend.store.files import read_text

MOST_READ = 20  # run.yaml files of waiting runs; those at the head of the line come first


class ChatPlace:
    """Reads the store when something changed there, and the devices every few seconds. Safe from any thread."""

    def __init__(self, store: RunStore, places: PlaceProbe, cache: DataCache) -> None:
        self._store = store
        self._places = places
        self._cache = cache
        self._seen: tuple[int, tuple[Run, ...]] | None = None

    def look(self, choice: Literal["auto", "cpu"], agreed: Collection[str] = ()) -> Verdict:
        """Whom a model on the chosen device disturbs; `agreed` are runs for which a person has said that it may."""
        runs = self._runs()
        places = self._cache.get_or_compute(("places",), self._places.now)
        waiting = [run for run in runs if waits(run)][:MOST_READ]
        needs = {run.id: need_of(devices_in(_order(run)), places) for run in waiting}
        return judge(device_of(choice, places), runs, needs, agreed)

    def is_shared(self, device: str, wanted: Devices) -> bool:
        """Whether a run that wants such devices may get the one on which the chat program says it is."""
        places = self._cache.get_or_compute(("places",), self._places.now)
        return (need_of(wanted, places).kind == CPU) == (device == CPU)

    def _runs(self) -> tuple[Run, ...]:
        version, seen = self._store.version(), self._seen
        if seen is None or seen[0] != version:
            seen = self._seen = (version, tuple(self._store.unsettled()))
        return seen[1]

    def has_gpu(self) -> bool:
        """Whether there is a device besides the processor."""
        places: Places = self._cache.get_or_compute(("places",), self._places.now)
        return any(place.is_gpu for place in places.all)


def _order(run: Run) -> str:
    return read_text(RunDirectory(run.run_dir).config) or ""
