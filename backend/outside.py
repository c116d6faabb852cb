"""The lower half of the composition root: the settings, and the outside world as they ask for it."""

from dependency_injector import containers
from dependency_injector.providers import Provider

from backend import wiring
from backend.container_graph import Once
from backend.domain.line_program import LineProgram
from backend.domain.machine import MachineProbe
from backend.domain.ports import BranchFiles, Clock, PlaceProbe, RunFiles, RunRecords, RunStore, WarmExecutor
from backend.domain.tensorboard_page import TensorBoardProbe
from backend.executors.systemctl import UserSystemctl
from backend.probes.clock import SystemClock
from backend.probes.machine import LocalMachine
from backend.probes.packages import InstalledPackages
from backend.probes.places import LocalPlaces
from backend.probes.tensorboard import LoopbackTensorBoard
from backend.services.boot_service import Systemctl
from backend.services.plugin_manager import PluginManager
from backend.services.process_manager import SupervisorProgram
from backend.services.settings_service import SettingsService
from backend.store.branch_files import LocalBranchFiles
from backend.store.records import DirectoryRecords
from backend.store.run_files import LocalRunFiles
from backend.store.sql_store import SqlRunStore
from config.settings import Settings


class Outside(containers.DeclarativeContainer):
    """Settings, and what stands behind the ports."""

    settings: Provider[Settings] = Once(Settings)
    watched: Provider[SettingsService] = Once(SettingsService, settings)

    clock: Provider[Clock] = Once(SystemClock)
    store: Provider[RunStore] = Once(SqlRunStore, settings.provided.url, clock)
    files: Provider[RunFiles] = Once(LocalRunFiles)
    branch_files: Provider[BranchFiles] = Once(LocalBranchFiles)
    records: Provider[RunRecords] = Once(DirectoryRecords)
    plugins: Provider[PluginManager] = Once(wiring.plugins, settings)
    executor: Provider[WarmExecutor] = Once(wiring.executor, settings, plugins)
    machine: Provider[MachineProbe] = Once(LocalMachine, settings.provided.workspace)
    places: Provider[PlaceProbe] = Once(LocalPlaces, machine, settings.provided.cpu_slots)
    packages: Provider[InstalledPackages] = Once(InstalledPackages)
    tensorboards: Provider[TensorBoardProbe] = Once(LoopbackTensorBoard)
    supervisor: Provider[SupervisorProgram] = Once(wiring.supervisor, settings, watched.provided.current)
    inference: Provider[LineProgram] = Once(wiring.inference, settings, watched.provided.current)
    examiner: Provider[LineProgram] = Once(wiring.examiner, settings)
    counter: Provider[LineProgram] = Once(wiring.counter, settings)
    forecaster: Provider[LineProgram] = Once(wiring.forecaster, settings)
    measurer: Provider[LineProgram] = Once(wiring.measurer, settings, watched.provided.current)
    systemctl: Provider[Systemctl] = Once(UserSystemctl)
