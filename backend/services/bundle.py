"""Services: everything a view or a command may ask, in one typed object."""

from dataclasses import dataclass

from backend.services.adapter_library import AdapterLibrary
from backend.services.advice_desk import AdviceDesk
from backend.services.boot_service import BootService
from backend.services.branching import Branching
from backend.services.bulk_runs import BulkRuns
from backend.services.chat import ChatService
from backend.services.chat_desk import ChatDesk
from backend.services.chat_place import ChatPlace
from backend.services.checkpoint_library import CheckpointLibrary
from backend.services.comparing import Comparing
from backend.services.config_service import ConfigService
from backend.services.cuda_truth import CudaTruths
from backend.services.curve_sources import CurveSources
from backend.services.data_doctor import DataDoctor
from backend.services.dataset_desk import DatasetDesk
from backend.services.dataset_library import DatasetLibrary
from backend.services.dependencies import DependencyService
from backend.services.diagnostics import Diagnostics
from backend.services.disk_watch import DiskWatch
from backend.services.drafts import Drafts
from backend.services.engine_restart import EngineRestart
from backend.services.error_catalogue import ErrorCatalogue
from backend.services.event_bus import EventBus
from backend.services.exports import Exports
from backend.services.hardware import HardwareService
from backend.services.hub_check import HubCheck
from backend.services.hub_search import HubSearch
from backend.services.insight import Insight
from backend.services.journal_bridge import JournalBridge
from backend.services.memory_forecasts import MemoryForecasts
from backend.services.memory_measuring import MemoryMeasuring
from backend.services.memory_monitor import MemoryMonitor
from backend.services.model_library import ModelLibrary
from backend.services.package_installs import PackageInstalls
from backend.services.parameter_counts import ParameterCounts
from backend.services.playground import Playground
from backend.services.plugin_manager import PluginManager
from backend.services.process_manager import ProcessManager
from backend.services.reindexing import Reindexing
from backend.services.repairs import Repairs
from backend.services.run_colors import RunColors
from backend.services.run_facts import RunFactsService
from backend.services.run_library import RunLibrary
from backend.services.run_queue import RunQueue
from backend.services.run_reports import RunReports
from backend.services.run_times import RunTimes
from backend.services.settings_service import SettingsService
from backend.services.shown_curves import ShownCurves
from backend.services.spare import Spare
from backend.services.startup import StartupService
from backend.services.state_managers import StateManagers
from backend.services.status_manager import StatusManager
from backend.services.storage import StorageService
from backend.services.sweeps import Sweeps
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.services.tensorboard_server import TensorBoardServer
from backend.services.training import TrainingService
from backend.services.trash import TrashService


@dataclass(frozen=True, slots=True)
class Services:
    """One field per service; the composition root fills it."""

    training: TrainingService
    branching: Branching
    status: StatusManager
    library: RunLibrary
    queue: RunQueue
    sweeps: Sweeps
    processes: ProcessManager
    spare: Spare
    curves: TensorBoardDataManager
    sources: CurveSources
    colors: RunColors
    shown: ShownCurves
    tensorboard: TensorBoardServer
    configs: ConfigService
    datasets: DatasetLibrary
    dataset_desk: DatasetDesk
    hardware: HardwareService
    cuda_truth: CudaTruths
    memory: MemoryMonitor
    dependencies: DependencyService
    installs: PackageInstalls
    hub_check: HubCheck
    diagnostics: Diagnostics
    startup: StartupService
    chat: ChatService
    doctor: DataDoctor
    counts: ParameterCounts
    memory_forecasts: MemoryForecasts
    advice: AdviceDesk
    measuring: MemoryMeasuring
    times: RunTimes
    playground: Playground
    chat_desk: ChatDesk
    chat_place: ChatPlace
    reindexing: Reindexing
    states: StateManagers
    drafts: Drafts
    repairs: Repairs
    reports: RunReports
    disk: DiskWatch
    storage: StorageService
    boot: BootService
    engine: EngineRestart
    comparing: Comparing
    bus: EventBus
    journal: JournalBridge
    insight: Insight
    catalogue: ErrorCatalogue
    settings: SettingsService
    plugins: PluginManager
    models: ModelLibrary
    adapters: AdapterLibrary
    checkpoints: CheckpointLibrary
    exports: Exports
    hub: HubSearch
    facts: RunFactsService
    bulk: BulkRuns
    trash: TrashService
