"""Who tells whom: services that tell the bus, those that hear of it, and those that follow the settings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backend import wiring
from backend.domain.events import (
    ConfigChanged,
    DatasetsChanged,
    ErrorHandled,
    Event,
    ModelsChanged,
    PluginFailed,
    PresetsChanged,
    RunEvent,
    RunRemoved,
)
from backend.domain.ports import RunStore
from backend.domain.reboot import RebootPolicy
from backend.domain.run_directory import RunDirectory
from backend.errors import StorageError
from backend.event_files.curve_cache import CurveCache
from backend.executors.heap import give_back
from backend.plugins.registry import Plugin
from backend.probes.places import LocalPlaces
from backend.services.after_reboot import AfterReboot
from backend.services.chat import ChatService
from backend.services.config_service import ConfigService
from backend.services.data_cache import DataCache
from backend.services.data_doctor import DataDoctor
from backend.services.dataset_desk import DatasetDesk
from backend.services.dataset_library import DatasetLibrary
from backend.services.error_handler import ErrorHandler
from backend.services.event_bus import EventBus
from backend.services.exports import Exports
from backend.services.hub_search import HubSearch
from backend.services.jobs import Jobs
from backend.services.memory_forecasts import MemoryForecasts
from backend.services.memory_measuring import MemoryMeasuring
from backend.services.memory_monitor import MemoryMonitor, Relief
from backend.services.model_library import ModelLibrary
from backend.services.parameter_counts import ParameterCounts
from backend.services.plugin_manager import PluginManager
from backend.services.preflight import Preflight
from backend.services.setting_states import OF_RUNS
from backend.services.settings_service import SettingsService
from backend.services.spare import Spare
from backend.services.state_managers import StateManagers
from backend.services.status_manager import StatusManager
from backend.services.storage import CACHE_KEY as STORAGE
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.services.tensorboard_server import TensorBoardServer
from backend.store.errors import StoreUnavailable
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class Closed:
    """Whose programs and jobs end with us."""

    counts: ParameterCounts
    measuring: MemoryMeasuring
    forecasts: MemoryForecasts
    dataset_jobs: Jobs
    export_jobs: Jobs
    hub: HubSearch

    def close(self) -> None:
        """End them."""
        mine = (self.dataset_jobs, self.export_jobs, self.hub, self.counts, self.measuring, self.forecasts)
        for one in mine:
            one.close()


def opened(
    store: RunStore,
    chat: ChatService,
    spare: Spare,
    curves: TensorBoardDataManager,
    tensorboard: TensorBoardServer,
    closed: Closed,
) -> Iterator[None]:
    """What has to be closed when the services are not needed any more."""
    yield
    closed.close()
    spare.let_go()
    tensorboard.close()
    curves.close()
    chat.close()
    store.close()


@dataclass(frozen=True, slots=True)
class Tellers:
    """Who changes what others may show."""

    datasets: DatasetLibrary
    desk: DatasetDesk
    models: ModelLibrary
    configs: ConfigService
    plugins: PluginManager

    def tell(self, bus: EventBus) -> None:
        """From now on the bus hears of their changes."""
        self.datasets.on_change = self.desk.registry.on_change = _publishing(bus, DatasetsChanged())
        self.models.on_change = _publishing(bus, ModelsChanged())
        self.configs.on_preset_change(_publishing(bus, PresetsChanged()))
        self.plugins.on_failure = lambda plugin: bus.publish(_failed(plugin))


def _publishing(bus: EventBus, event: Event) -> Callable[[], None]:
    return lambda: bus.publish(event)


def _failed(plugin: Plugin) -> PluginFailed:
    return PluginFailed(plugin.name, plugin.error)


def connect(
    bus: EventBus,
    errors: ErrorHandler,
    answers: DataCache,
    store: RunStore,
    status: StatusManager,
    curves: TensorBoardDataManager,
    states: StateManagers,
    tellers: Tellers,
) -> None:
    """Who hears of what, and which errors are repaired how."""
    tellers.tell(bus)
    for kind in (RunEvent, DatasetsChanged, ModelsChanged):
        answers.invalidate_on(bus, kind, STORAGE)

    def let_go(gone: RunRemoved) -> None:
        status.forget(gone.run_id)
        curves.forget(RunDirectory(gone.run_dir).tensorboard)

    bus.subscribe(RunRemoved, let_go)
    bus.subscribe(ErrorHandled, lambda _: states.save_unsaved())
    errors.recover_from(StoreUnavailable, lambda _: _answers_again(store))


def _answers_again(store: RunStore) -> bool:
    try:
        store.version()
    except StorageError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Kept:
    """What the dashboard remembers and can do without."""

    on_disk: CurveCache
    curves: TensorBoardDataManager
    answers: DataCache
    found: DataCache

    def let_go(self) -> None:
        """Free its memory."""
        self.answers.invalidate()
        self.found.invalidate()
        self.curves.let_go()
        give_back()


@dataclass(frozen=True, slots=True)
class Followers:
    """Who keeps to changed settings at once."""

    memory: MemoryMonitor
    chat: ChatService
    doctor: DataDoctor
    counts: ParameterCounts
    forecasts: MemoryForecasts
    spare: Spare
    tensorboard: TensorBoardServer
    places: LocalPlaces
    reboots: AfterReboot
    preflight: Preflight
    kept: Kept
    exports: Exports
    hub: HubSearch

    def follow(self, settings: Settings, changed: frozenset[str]) -> None:
        """Tell each; what takes effect later is read by the programs that start later."""
        self.memory.limit_bytes = settings.dashboard_memory_limit_bytes
        for one in (self.chat, self.doctor, self.counts, self.forecasts, self.exports, self.hub):
            one.is_hub_offline = settings.hub_offline
        self.chat.idle_limit_seconds = settings.chat_idle_seconds
        if changed & {"spare", *OF_RUNS}:
            self.spare.follow(wiring.spare_rule(settings))
        self.tensorboard.idle_seconds = settings.tensorboard_idle_minutes * 60
        self.places.cpu_slots = settings.cpu_slots
        self.reboots.policy = RebootPolicy(settings.after_reboot)
        self.preflight.min_free_bytes, self.preflight.log_max_bytes = settings.min_free_bytes, settings.log_max_bytes
        self.kept.on_disk.max_bytes = settings.curve_cache_max_bytes


def following(service: SettingsService, followers: Followers, bus: EventBus) -> None:
    """From now on they follow, everybody hears of changes, and memory that is short can be relieved."""
    followers.memory.relief = Relief(followers.kept.let_go, followers.chat.unload_if_unused)
    service.listen(lambda changed: followers.follow(service.current(), changed))
    service.listen(lambda changed: bus.publish(ConfigChanged(changed)))
