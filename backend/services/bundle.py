"""Services: everything a view or a command may ask, in one typed object."""

from dataclasses import dataclass

from backend.services.boot_service import BootService
from backend.services.branching import Branching
from backend.services.chat import ChatService
from backend.services.comparing import Comparing
from backend.services.config_service import ConfigService
from backend.services.curve_sources import CurveSources
from backend.services.data_doctor import DataDoctor
from backend.services.dataset_library import DatasetLibrary
from backend.services.dependencies import DependencyService
from backend.services.disk_watch import DiskWatch
from backend.services.engine_restart import EngineRestart
from backend.services.hardware import HardwareService
from backend.services.memory_monitor import MemoryMonitor
from backend.services.playground import Playground
from backend.services.process_manager import ProcessManager
from backend.services.reindexing import Reindexing
from backend.services.repairs import Repairs
from backend.services.run_colors import RunColors
from backend.services.run_library import RunLibrary
from backend.services.run_queue import RunQueue
from backend.services.run_reports import RunReports
from backend.services.shown_curves import ShownCurves
from backend.services.spare import Spare
from backend.services.startup import StartupService
from backend.services.state_managers import StateManagers
from backend.services.status_manager import StatusManager
from backend.services.storage import StorageService
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.services.tensorboard_server import TensorBoardServer
from backend.services.training import TrainingService


@dataclass(frozen=True, slots=True)
class Services:
    """One field per service; the composition root fills it."""

    training: TrainingService
    branching: Branching
    status: StatusManager
    library: RunLibrary
    queue: RunQueue
    processes: ProcessManager
    spare: Spare
    curves: TensorBoardDataManager
    sources: CurveSources
    colors: RunColors
    shown: ShownCurves
    tensorboard: TensorBoardServer
    configs: ConfigService
    datasets: DatasetLibrary
    hardware: HardwareService
    memory: MemoryMonitor
    dependencies: DependencyService
    startup: StartupService
    chat: ChatService
    doctor: DataDoctor
    playground: Playground
    reindexing: Reindexing
    states: StateManagers
    repairs: Repairs
    reports: RunReports
    disk: DiskWatch
    storage: StorageService
    boot: BootService
    engine: EngineRestart
    comparing: Comparing
