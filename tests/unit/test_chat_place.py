"""Whom a chat would disturb, as the store and the run.yaml of waiting runs tell."""

from pathlib import Path

from backend.domain.devices import Devices
from backend.domain.places import Place, Places
from backend.domain.run_directory import RunDirectory
from backend.domain.states import RunState
from backend.domain.transition import Arrangement
from backend.services.chat_place import ChatPlace
from backend.services.data_cache import DataCache
from backend.store.run_files import LocalRunFiles
from tests.fakes.clock import FakeClock
from tests.fakes.run_store import FakeRunStore
from tests.fakes.runs import a_run

GPU = Place("gpu:0", total_bytes=10**10, free_bytes=10**10)


class Scene:
    """A machine with one GPU, or without; `readings` counts how often its devices were asked."""

    def __init__(self, folder: Path, *places: Place) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.store = FakeRunStore(self.clock)
        self.readings = 0
        self.places = Places((*places, Place("cpu:0")), has_gpus=bool(places))
        self.place = ChatPlace(self.store, self, DataCache(self.clock, ttl_seconds=5.0))

    def now(self) -> Places:
        self.readings += 1
        return self.places

    def add(self, run_id: str, *slots: str, config: str = "") -> None:
        run = a_run(run_id, name=run_id, run_dir=self.folder / run_id, state=RunState.QUEUED)
        LocalRunFiles().create(RunDirectory(run.run_dir).root, config)
        self.store.create(run)
        if slots:
            self.store.arrange(self.store.version(), Arrangement(grants={run_id: slots}))


def disturbed(scene: Scene, choice: str = "auto") -> list[tuple[str, bool]]:
    return [(claim.run_id, claim.is_training) for claim in scene.place.look(choice).claims]  # type: ignore[arg-type]


def test_a_run_with_a_place_on_the_gpu_is_disturbed_there_only(tmp_path: Path) -> None:
    scene = Scene(tmp_path, GPU)
    assert disturbed(scene) == []
    scene.add("busy", "gpu:0")
    assert disturbed(scene) == [("busy", True)]
    assert disturbed(scene, "cpu") == []
    assert scene.place.look("auto").offers_cpu
    assert scene.place.has_gpu()


def test_a_waiting_run_is_disturbed_on_the_device_that_its_order_asks_for(tmp_path: Path) -> None:
    scene = Scene(tmp_path, GPU)
    scene.add("for-cpu", config="devices: {kind: cpu}\n")
    scene.add("unreadable", config="devices: {\n")
    assert disturbed(scene) == [("unreadable", False)]
    assert disturbed(scene, "cpu") == [("for-cpu", False)]


def test_a_new_run_shares_the_device_of_the_chat_if_it_wants_one_of_its_kind(tmp_path: Path) -> None:
    with_gpu, without = Scene(tmp_path, GPU).place, Scene(tmp_path).place
    assert with_gpu.is_shared("cuda:0", Devices())
    assert not with_gpu.is_shared("cpu", Devices())
    assert with_gpu.is_shared("cpu", Devices(kind="cpu"))
    assert without.is_shared("cpu", Devices())


def test_without_a_gpu_everything_happens_on_the_processor(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.add("busy", "cpu:0")
    verdict = scene.place.look("auto")
    assert (verdict.device, verdict.asks, verdict.offers_cpu) == ("cpu", True, False)
    assert not scene.place.look("auto", ["busy"]).asks
    assert not scene.place.has_gpu()


def test_devices_are_asked_only_so_often(tmp_path: Path) -> None:
    scene = Scene(tmp_path, GPU)
    for _ in range(5):
        scene.place.look("auto")
    assert scene.readings == 1
    scene.clock.advance(6)
    scene.place.look("auto")
    assert scene.readings == 2
