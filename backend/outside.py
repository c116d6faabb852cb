"""The lower half of the composition root: the settings, and the outside world as they ask for it."""

from dependency_injector import containers
from dependency_injector.providers import Object, Provider

from backend import programs, wiring
from backend.container_graph import Once
from backend.domain.line_program import LineProgram
from backend.domain.machine import MachineProbe
from backend.domain.ports import BranchFiles, Clock, PlaceProbe, RunFiles, RunRecords, RunStore, WarmExecutor
from backend.domain.surroundings import Surroundings
from backend.domain.tensorboard_page import TensorBoardProbe
from backend.executors.systemctl import UserSystemctl
from backend.probes.clock import SystemClock
from backend.probes.hub import ask_hub
from backend.probes.packages import InstalledPackages
from backend.probes.places import LocalPlaces
from backend.probes.tensorboard import LoopbackTensorBoard
from backend.services.boot_service import Systemctl
from backend.services.cuda_truth import CudaTruths
from backend.services.dependencies import DependencyService
from backend.services.hub_check import HubCheck
from backend.services.package_installs import PackageInstalls
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
    machine: Provider[MachineProbe] = Once(wiring.machine, settings)
    places: Provider[PlaceProbe] = Once(LocalPlaces, machine, settings.provided.cpu_slots)
    packages: Provider[InstalledPackages] = Once(InstalledPackages)
    torch_asker: Provider[LineProgram] = Once(programs.torch_asker, settings)
    cuda_truth: Provider[CudaTruths] = Once(wiring.cuda_truths, settings, torch_asker, packages, machine, clock)
    surroundings: Provider[Surroundings] = Once(wiring.surroundings, settings, watched.provided.current)
    checker: Provider[DependencyService] = Once(
        DependencyService, packages, machine, surroundings, cuda_truth.provided.look
    )
    hub_check: Provider[HubCheck] = Once(HubCheck, surroundings, Object(ask_hub))
    installs: Provider[PackageInstalls] = Once(wiring.installs, settings, watched.provided.current, executor)
    tensorboards: Provider[TensorBoardProbe] = Once(LoopbackTensorBoard)
    supervisor: Provider[SupervisorProgram] = Once(programs.supervisor, settings, watched.provided.current)
    inference: Provider[LineProgram] = Once(programs.inference, settings, watched.provided.current)
    examiner: Provider[LineProgram] = Once(programs.examiner, settings)
    counter: Provider[LineProgram] = Once(programs.counter, settings)
    exporter: Provider[LineProgram] = Once(programs.exporter, settings)
    searcher: Provider[LineProgram] = Once(programs.searcher, settings)
    forecaster: Provider[LineProgram] = Once(programs.forecaster, settings)
    measurer: Provider[LineProgram] = Once(programs.measurer, settings, watched.provided.current)
    systemctl: Provider[Systemctl] = Once(UserSystemctl)
