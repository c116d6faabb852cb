"""How the outside world is made from the settings: plain functions that the composition root assembles."""

import os
import shutil
import sys
from collections.abc import Callable
from getpass import getuser
from pathlib import Path
from socket import gethostname
from tempfile import gettempdir
from urllib.parse import urlsplit

from backend.domain.cuda_truth import Circumstances
from backend.domain.curves import CurveSource
from backend.domain.line_program import LineProgram
from backend.domain.machine import MachineProbe, PackageLookup
from backend.domain.ports import BranchFiles, Clock, Executor, RunFiles, RunStore
from backend.domain.redaction import Redactor, secrets_of
from backend.domain.run_config import RunConfig
from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.kept_folder import KeptFolder
from backend.executors.choice import executor_named
from backend.executors.local import LocalExecutor
from backend.executors.lock_file import held
from backend.plugins.registry import Registry, registry, use_registry
from backend.probes.machine import LocalMachine
from backend.probes.surroundings import LocalSurroundings, token_files
from backend.services.advice_desk import AdviceDesk
from backend.services.boot_service import BootService, Systemctl
from backend.services.chat import ChatService
from backend.services.chat_desk import ChatDesk
from backend.services.chat_rounds import ChatRounds
from backend.services.comparing import Comparing
from backend.services.config_service import ConfigService
from backend.services.conversations import Conversations
from backend.services.cuda_truth import CudaTruths
from backend.services.data_doctor import DataDoctor
from backend.services.dataset_desk import DatasetDesk
from backend.services.dataset_library import DatasetLibrary
from backend.services.dataset_making import DatasetMaker
from backend.services.dataset_registry import DatasetRegistry
from backend.services.dataset_tables import DatasetTables
from backend.services.dataset_versions import DatasetVersions
from backend.services.diagnostics import Diagnostics, Sources
from backend.services.exports import Exports, Surroundings
from backend.services.fit_advisor import FitAdvisor
from backend.services.hardware import HardwareService
from backend.services.hub_search import HubSearch
from backend.services.local_tokenizers import LocalTokenizers
from backend.services.measured_peaks import MeasuredPeaks
from backend.services.memory_forecasts import MemoryForecasts
from backend.services.memory_room import MemoryRoom
from backend.services.model_files import ModelFiles
from backend.services.model_library import ModelLibrary, ModelPlaces
from backend.services.package_installs import PackageInstalls
from backend.services.parameter_counts import ParameterCounts
from backend.services.playground import Playground
from backend.services.plugin_manager import PluginManager
from backend.services.prompt_sets import PromptFolders, PromptSets
from backend.services.row_lengths import RowLengths
from backend.services.run_estimates import RunEstimates
from backend.services.run_facts import RunFactsService
from backend.services.smart_defaults import SmartDefaults
from backend.services.spare import SpareRule
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.services.tracing_version import tracing_version
from backend.store.files import read_text
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


def chat_desk(settings: Settings, chat: ChatService, playground: Playground, clock: Clock) -> ChatDesk:
    """Where people sit who chat."""
    folder = settings.chats_folder
    folders = PromptFolders(folder / "prompt-sets", folder / "results", settings.trash_folder)
    prompts = PromptSets(prompt_sets(), folders)
    conversations = Conversations(folder / "conversations", settings.trash_folder)
    return ChatDesk(playground, ChatRounds(chat, clock), conversations, prompts, clock)


def executor(settings: Settings, _plugins: PluginManager) -> LocalExecutor:
    """What starts programs; the plugins are settled by then."""
    return executor_named(settings.executor)


def plugins(settings: Settings) -> PluginManager:
    """Leave out what is not to be loaded, before anything asks for a plugin."""
    if registry().off != frozenset(settings.plugins_off):
        use_registry(Registry(settings.plugins_off))
    return PluginManager(registry())


def machine(settings: Settings) -> LocalMachine:
    """With all folders that runs fill."""
    hub = hub_cache(os.environ, Path.home())
    folders = {"models": settings.models_folder, "hub cache": hub, "temporary files": Path(gettempdir())}
    return LocalMachine(settings.workspace, folders=folders)


def cuda_truths(
    settings: Settings, program: LineProgram, packages: PackageLookup, probe: MachineProbe, clock: Clock
) -> CudaTruths:
    """What torch says holds for this interpreter, its torch, the driver, and what is shown to it."""

    def now() -> Circumstances:
        return Circumstances(packages.torch_build(), probe.gpus(), os.environ, packages.python().path)

    return CudaTruths(program, now, settings.cache_folder / "cuda-truth.json", clock)


def hub(settings: Settings, program: LineProgram, clock: Clock) -> HubSearch:
    """The hub that its own library would ask."""
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT", "")).hostname or "huggingface.co"
    return HubSearch(program, clock, endpoint, is_hub_offline=settings.hub_offline)


def exports(
    settings: Settings,
    store: RunStore,
    configs: ConfigService,
    playground: Playground,
    program: LineProgram,
    clock: Clock,
) -> Exports:
    """Folders that no export may name are the workspace's, and where base models lie."""
    places = (settings.workspace, settings.runs_folder, settings.models_folder, hub_cache(os.environ, Path.home()))
    around = Surroundings(settings.trash_folder, places)
    offline = settings.hub_offline
    return Exports(store, configs, playground, program, clock, around, held, is_hub_offline=offline)


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


def surroundings(settings: Settings, now: Now) -> LocalSurroundings:
    """What the doctor looks at beside the packages."""
    hub = hub_cache(os.environ, Path.home())
    folders = {"Disk of the workspace": settings.workspace, "Disk of the hub's cache": hub}
    return LocalSurroundings(folders, free_bytes, lambda: now().hub_offline)


def installs(settings: Settings, now: Now, program: Executor) -> PackageInstalls:
    """How packages are installed from the dashboard: into the interpreter that runs it."""

    def forbidden() -> str:
        if getattr(sys, "frozen", False):
            return "This studio is a bundle, whose packages cannot be changed."
        if not now().installs:
            return "The setting installs is off."
        is_offline = now().hub_offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
        return "The studio is offline." if is_offline else ""

    return PackageInstalls(program, settings.workspace / "logs", sys.executable, forbidden, os.environ)


def diagnostics(settings: Settings, sources: Sources, clock: Clock) -> Diagnostics:
    """What is a secret, and who works here, is looked up at each archive."""

    def redactor() -> Redactor:
        tokens = (read_text(each) or "" for each in token_files(os.environ))
        homes = tuple(dict.fromkeys((Path.home(), Path.home().resolve())))
        return Redactor(homes, tuple(filter(None, (user(), gethostname()))), secrets_of(os.environ, tokens))

    return Diagnostics(sources, settings.workspace / "logs", clock, redactor)


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
