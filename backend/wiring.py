"""How the outside world is made from the settings: plain functions that the composition root assembles."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from getpass import getuser
from pathlib import Path

from backend.domain.curves import CurveSource
from backend.domain.line_program import LineProgram
from backend.domain.machine import PackageLookup
from backend.domain.ports import BranchFiles, Clock, RunFiles, RunStore
from backend.domain.run_config import RunConfig
from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.kept_folder import KeptFolder
from backend.executors.choice import executor_named
from backend.executors.environment import SAFE_PATH
from backend.executors.local import LocalExecutor
from backend.executors.piped import PipedProgram
from backend.plugins.registry import SWITCHED_OFF, Registry, registry, use_registry
from backend.services.advice_desk import AdviceDesk
from backend.services.boot_service import BootService, Systemctl
from backend.services.chat import ChatService
from backend.services.chat_desk import ChatDesk
from backend.services.chat_rounds import ChatRounds
from backend.services.comparing import Comparing
from backend.services.config_service import ConfigService
from backend.services.conversations import Conversations
from backend.services.data_doctor import DataDoctor
from backend.services.dataset_desk import DatasetDesk
from backend.services.dataset_library import DatasetLibrary
from backend.services.dataset_making import DatasetMaker
from backend.services.dataset_registry import DatasetRegistry
from backend.services.dataset_tables import DatasetTables
from backend.services.dataset_versions import DatasetVersions
from backend.services.fit_advisor import FitAdvisor
from backend.services.hardware import HardwareService
from backend.services.local_tokenizers import LocalTokenizers
from backend.services.measured_peaks import MeasuredPeaks
from backend.services.memory_forecasts import MemoryForecasts
from backend.services.memory_room import MemoryRoom
from backend.services.model_files import ModelFiles
from backend.services.model_library import ModelLibrary, ModelPlaces
from backend.services.parameter_counts import ParameterCounts
from backend.services.playground import Playground
from backend.services.plugin_manager import PluginManager
from backend.services.process_manager import SupervisorProgram
from backend.services.prompt_sets import PromptFolders, PromptSets
from backend.services.row_lengths import RowLengths
from backend.services.run_estimates import RunEstimates
from backend.services.run_facts import RunFactsService
from backend.services.setting_states import STARTED
from backend.services.smart_defaults import SmartDefaults
from backend.services.spare import SpareRule
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.services.tensorboard_server import TensorBoardProgram
from backend.services.tracing_version import tracing_version
from backend.store.hub_cache import hub_cache
from backend.store.kept_answers import KeptAnswers
from backend.store.model_probe import LocalModels
from backend.store.settings_file import SettingsFile
from config.catalog import base_models, prompt_sets
from config.settings import Settings

Now = Callable[[], Settings]
LINGER = Path("/var/lib/systemd/linger")
UNIT_INHERITS = ("PATH", "LANG", "HF_HOME", "HF_HUB_CACHE", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that holds a folder, or will hold it once it exists."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


class Variables(Mapping[str, str]):
    """What the settings of the moment give to a program that is started at that moment."""

    def __init__(self, read: Callable[[], Mapping[str, str]]) -> None:
        self._read = read

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def supervisor(settings: Settings, now: Now) -> SupervisorProgram:
    """How supervisors of this workspace are started. What takes effect at the next start is for them as for us."""
    argv = (sys.executable, "-m", "backend.supervisor")
    return SupervisorProgram(argv, settings.workspace, Variables(lambda: now().as_environment(STARTED) | SAFE_PATH))


def inference(settings: Settings, now: Now) -> PipedProgram:
    """The program that answers in Chat."""
    argv = (sys.executable, "-m", "backend.inference")
    log = settings.workspace / "logs" / "inference.log"
    return PipedProgram(argv, settings.workspace, log, lambda: _idle(now()), _without(settings))


def _idle(settings: Settings) -> tuple[str, str]:
    return "--idle-seconds", str(settings.chat_idle_seconds)


def chat_desk(settings: Settings, chat: ChatService, playground: Playground, clock: Clock) -> ChatDesk:
    """Where people sit who chat."""
    folder = settings.chats_folder
    folders = PromptFolders(folder / "prompt-sets", folder / "results", settings.trash_folder)
    prompts = PromptSets(prompt_sets(), folders)
    conversations = Conversations(folder / "conversations", settings.trash_folder)
    return ChatDesk(playground, ChatRounds(chat, clock), conversations, prompts, clock)


def examiner(settings: Settings) -> PipedProgram:
    """The program that looks at datasets with tokenizers."""
    argv = (sys.executable, "-m", "backend.trainer.examine")
    log = settings.workspace / "logs" / "data-doctor.log"
    return PipedProgram(argv, settings.workspace, log, surroundings=_without(settings))


def _without(settings: Settings) -> dict[str, str]:
    return {SWITCHED_OFF: ",".join(settings.plugins_off)}


def executor(settings: Settings, _plugins: PluginManager) -> LocalExecutor:
    """What starts programs; the plugins are settled by then."""
    return executor_named(settings.executor)


def plugins(settings: Settings) -> PluginManager:
    """Leave out what is not to be loaded, before anything asks for a plugin."""
    if registry().off != frozenset(settings.plugins_off):
        use_registry(Registry(settings.plugins_off))
    return PluginManager(registry())


def counter(settings: Settings) -> PipedProgram:
    """The program that counts trainable parameters."""
    argv = (sys.executable, "-m", "backend.trainer.count")
    return PipedProgram(
        argv, settings.workspace, settings.workspace / "logs" / "count.log", surroundings=_without(settings)
    )


def forecaster(settings: Settings) -> PipedProgram:
    """The program that traces how much memory a step takes."""
    argv = (sys.executable, "-m", "backend.trainer.forecast")
    log = settings.workspace / "logs" / "forecast.log"
    return PipedProgram(argv, settings.workspace, log, surroundings=_without(settings))


def measurer(settings: Settings, now: Now) -> PipedProgram:
    """The program that takes three real steps; caches and models are where those of trainers are."""
    argv = (sys.executable, "-m", "backend.trainer.three_steps")
    surroundings = Variables(lambda: now().as_environment(STARTED) | SAFE_PATH)
    return PipedProgram(
        argv, settings.workspace, settings.workspace / "logs" / "measure.log", surroundings=surroundings
    )


def memory_forecasts(
    settings: Settings,
    program: LineProgram,
    clock: Clock,
    files: ModelFiles,
    room: MemoryRoom,
    store: RunStore,
    order_of_run: Callable[[str], RunConfig],
    longest_row: Callable[[RunConfig, Path], int | None],
) -> MemoryForecasts:
    """Traces and what runs took are kept among the caches."""
    kept = KeptAnswers(settings.memory_cache_folder)
    return MemoryForecasts(
        program=program,
        clock=clock,
        files=files,
        kept=kept,
        room=room,
        peaks=MeasuredPeaks(store, order_of_run, kept, tracing_version),
        version=tracing_version,
        longest=longest_row,
        is_hub_offline=settings.hub_offline,
    )


def dataset_desk(
    settings: Settings,
    store: RunStore,
    files: RunFiles,
    configs: ConfigService,
    library: DatasetLibrary,
    doctor: DataDoctor,
    clock: Clock,
) -> DatasetDesk:
    """Everything that the Datasets page asks."""
    tables = DatasetTables(settings.cache_folder / "rows")
    return DatasetDesk(
        DatasetRegistry(store, library.list, settings.private_folders, settings.datasets_folder),
        tables,
        DatasetMaker(tables, library, clock),
        DatasetVersions(store, files, configs),
        doctor,
        LocalTokenizers(settings.models_folder, hub_cache(os.environ, Path.home())),
    )


def tensorboard(settings: Settings) -> TensorBoardProgram:
    """How TensorBoard is started: tied to the program that starts it."""
    argv = (sys.executable, "-m", "backend.executors.tied")
    return TensorBoardProgram(argv, settings.workspace, SAFE_PATH)


def boot_service(settings: Settings, systemctl: Systemctl) -> BootService:
    """The unit runs this very interpreter and workspace; secrets such as HF_TOKEN are never written into it."""
    command = (sys.executable, "-P", "-m", "backend.cli", "runs", "look-after", "--every", "5")
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    inherited = {name: os.environ[name] for name in UNIT_INHERITS if os.environ.get(name)}
    return BootService(systemctl, folder, command, inherited | settings.as_changed_environment(), user(), LINGER)


def user() -> str:
    """The name of the person; the number of one who has none."""
    try:
        return getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def spare_rule(settings: Settings) -> SpareRule:
    """Whether a spare supervisor is kept."""
    return SpareRule(settings.spare, settings.standby_min_free_bytes)


def curve_opener(cache: CurveCache, clock: Clock) -> Callable[[Path], CurveSource]:
    """How a folder of event files is opened: by way of the cache, unless there is to be none."""
    return lambda folder: KeptFolder(folder, EventFolder, cache, clock) if cache.max_bytes else EventFolder(folder)


def model_library(settings: Settings, store: RunStore, clock: Clock) -> ModelLibrary:
    """The models of the workspace, of registered folders, and of the hub's cache as its own library finds it."""
    places = ModelPlaces(
        workspace=settings.models_folder,
        hub=hub_cache(os.environ, Path.home()),
        trash=settings.trash_folder,
        private=settings.private_folders,
    )
    return ModelLibrary(store, LocalModels(), clock, places, base_models())


def run_facts(
    settings: Settings, configs: ConfigService, files: BranchFiles, curves: TensorBoardDataManager, clock: Clock
) -> RunFactsService:
    """What is read of runs is kept among the caches."""
    kept = SettingsFile(settings.cache_folder / "run-settings.jsonl")
    return RunFactsService(configs, files, curves, kept, clock)


def advice(
    store: RunStore,
    comparing: Comparing,
    curves: TensorBoardDataManager,
    desk: DatasetDesk,
    forecasts: MemoryForecasts,
    hardware: HardwareService,
    counts: ParameterCounts,
    datasets: DatasetLibrary,
    packages: PackageLookup,
) -> AdviceDesk:
    """Who advises on an order before it is started."""
    lengths = RowLengths(desk)
    return AdviceDesk(
        fit=FitAdvisor(forecasts, lengths, packages.version),
        defaults=SmartDefaults(hardware, counts, datasets, packages.version),
        lengths=lengths,
        estimates=RunEstimates(store, comparing, curves, lengths),
    )
