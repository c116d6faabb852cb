"""The composition root: the only file that knows dependency-injector."""

import os
from collections.abc import Mapping

from dependency_injector import providers
from dependency_injector.providers import Object, Provider

from backend import connections, programs, wiring
from backend.container_graph import Once, asked_fields, graph, opened
from backend.event_files.curve_cache import CurveCache
from backend.event_files.directories import find_runs
from backend.event_files.glimpses import FileGlimpses
from backend.event_files.records import read_record
from backend.executors.lock_file import held
from backend.executors.process_table import boot_id
from backend.outside import Outside
from backend.probes.memory import available_bytes, resident_bytes, tree_bytes
from backend.services.adapter_library import AdapterLibrary
from backend.services.advice_desk import AdviceDesk
from backend.services.after_reboot import AfterReboot
from backend.services.boot_service import BootService
from backend.services.branching import Branching
from backend.services.bulk_runs import BulkRuns
from backend.services.bundle import Services
from backend.services.chat import ChatService
from backend.services.chat_desk import ChatDesk
from backend.services.chat_place import ChatPlace
from backend.services.checkpoint_library import CheckpointLibrary
from backend.services.comparing import Comparing
from backend.services.config_service import ConfigService
from backend.services.curve_sources import CurveSources
from backend.services.data_cache import DataCache
from backend.services.data_doctor import DataDoctor
from backend.services.dataset_desk import DatasetDesk
from backend.services.dataset_library import DatasetLibrary
from backend.services.diagnostics import Diagnostics, Sources
from backend.services.disk_watch import DiskWatch
from backend.services.drafts import Drafts
from backend.services.engine_restart import EngineRestart
from backend.services.error_catalogue import ErrorCatalogue
from backend.services.error_handler import ErrorHandler
from backend.services.event_bus import EventBus
from backend.services.exports import Exports
from backend.services.hardware import HardwareService
from backend.services.hub_search import HubSearch
from backend.services.insight import Insight
from backend.services.journal_bridge import JournalBridge
from backend.services.memory_forecasts import MemoryForecasts
from backend.services.memory_measuring import MemoryMeasuring
from backend.services.memory_monitor import MemoryMonitor
from backend.services.memory_room import MemoryRoom
from backend.services.model_library import ModelLibrary
from backend.services.parameter_counts import ParameterCounts
from backend.services.playground import Playground
from backend.services.preflight import Preflight
from backend.services.process_manager import ProcessManager
from backend.services.reindexing import Reindexing
from backend.services.repairs import Repairs
from backend.services.run_colors import RunColors
from backend.services.run_facts import RunFactsService
from backend.services.run_library import RunLibrary
from backend.services.run_queue import RunQueue
from backend.services.run_reports import RunReports
from backend.services.run_times import RunTimes
from backend.services.shown_curves import ShownCurves
from backend.services.spare import Memory, Spare
from backend.services.startup import StartupService
from backend.services.state_managers import StateManagers
from backend.services.status_manager import StatusManager
from backend.services.storage import StorageService
from backend.services.sweeps import Sweeps
from backend.services.tensorboard_data import TensorBoardDataManager
from backend.services.tensorboard_server import TensorBoardServer
from backend.services.timings import Timings
from backend.services.training import TrainingService
from backend.services.trash import TrashService
from config.settings import Settings


class StudioContainer(Outside):
    """The services, on top of the settings and the outside world. Override before the first use, never after."""

    __self__ = providers.Self()
    # the outside world, under the same names
    settings, watched, clock = Outside.settings, Outside.watched, Outside.clock
    store, files, branch_files = Outside.store, Outside.files, Outside.branch_files
    records, plugins, executor = Outside.records, Outside.plugins, Outside.executor
    machine, places, packages = Outside.machine, Outside.places, Outside.packages
    surroundings, checker, installs = Outside.surroundings, Outside.checker, Outside.installs
    hub_check, torch_asker, cuda_truth = Outside.hub_check, Outside.torch_asker, Outside.cuda_truth
    tensorboards, supervisor, inference = Outside.tensorboards, Outside.supervisor, Outside.inference
    examiner, counter, systemctl = Outside.examiner, Outside.counter, Outside.systemctl
    exporter, searcher, forecaster, measurer = (
        Outside.exporter,
        Outside.searcher,
        Outside.forecaster,
        Outside.measurer,
    )

    bus: Provider[EventBus] = Once(EventBus, clock)
    errors: Provider[ErrorHandler] = Once(ErrorHandler, bus, clock)
    timings: Provider[Timings] = Once(Timings, clock)
    answers: Provider[DataCache] = Once(DataCache, clock, ttl_seconds=60.0)
    found: Provider[DataCache] = Once(DataCache, clock, ttl_seconds=5.0)
    journal: Provider[JournalBridge] = Once(JournalBridge, store, bus)
    catalogue: Provider[ErrorCatalogue] = Once(ErrorCatalogue)
    configs: Provider[ConfigService] = Once(
        ConfigService, settings.provided.presets_folder, settings.provided.trash_folder
    )
    engine: Provider[EngineRestart] = Once(EngineRestart, settings.provided.engine_state_file)
    startup: Provider[StartupService] = Once(StartupService, clock)
    hardware: Provider[HardwareService] = Once(HardwareService, machine, clock)
    datasets: Provider[DatasetLibrary] = Once(
        DatasetLibrary, settings.provided.datasets_folder, settings.provided.max_upload_bytes
    )
    curve_cache: Provider[CurveCache] = Once(
        CurveCache, settings.provided.curve_cache_folder, clock, settings.provided.curve_cache_max_bytes
    )
    curves: Provider[TensorBoardDataManager] = Once(
        TensorBoardDataManager, Once(wiring.curve_opener, curve_cache, clock), clock, Once(FileGlimpses)
    )
    sources: Provider[CurveSources] = Once(
        CurveSources,
        store,
        curves,
        Object(find_runs),
        found,
        settings.provided.private_folders,
        settings.provided.runs_folder,
    )
    colors: Provider[RunColors] = Once(RunColors, store)
    shown: Provider[ShownCurves] = Once(
        ShownCurves, store, sources, curves, branch_files, configs, colors, Object(read_record)
    )
    tensorboard: Provider[TensorBoardServer] = Once(
        TensorBoardServer,
        executor,
        clock,
        Once(programs.tensorboard, settings),
        tensorboards,
        settings.provided.tensorboard_idle_minutes,
    )
    memory: Provider[MemoryMonitor] = Once(
        MemoryMonitor, Object(resident_bytes), Object(tree_bytes), clock, settings.provided.dashboard_memory_limit_bytes
    )
    reboots: Provider[AfterReboot] = Once(
        AfterReboot, store, executor, clock, settings.provided.after_reboot, Once(boot_id)
    )
    spare: Provider[Spare] = Once(
        Spare,
        executor,
        clock,
        supervisor,
        Once(wiring.spare_rule, settings),
        Object(Memory(available_bytes, tree_bytes)),
    )
    processes: Provider[ProcessManager] = Once(
        ProcessManager,
        store,
        executor,
        clock,
        supervisor,
        places,
        after_reboot=reboots.provided.settle,
        start_ahead=spare.provided.start,
    )
    status: Provider[StatusManager] = Once(StatusManager, store, files, executor, Object(resident_bytes))
    diagnostics: Provider[Diagnostics] = Once(
        wiring.diagnostics,
        settings,
        Once(Sources, checker, surroundings, hardware, watched, status, errors, startup),
        clock,
    )
    asking: Mapping[str, object] = {
        "clock": clock,
        "models_folder": settings.provided.models_folder,
        "is_hub_offline": settings.provided.hub_offline,
    }
    counts: Provider[ParameterCounts] = Once(ParameterCounts, program=counter, **asking)
    comparing: Provider[Comparing] = Once(Comparing, store, branch_files, configs, curves, Object(read_record), clock)
    doctor: Provider[DataDoctor] = Once(DataDoctor, program=examiner, **asking)
    dataset_desk: Provider[DatasetDesk] = Once(
        wiring.dataset_desk, settings, store, files, configs, datasets, doctor, clock
    )
    room: Provider[MemoryRoom] = Once(MemoryRoom, hardware, packages, Object(available_bytes), Object(os.environ))
    memory_forecasts: Provider[MemoryForecasts] = Once(
        wiring.memory_forecasts,
        settings,
        forecaster,
        clock,
        counts.provided.files,
        room,
        store,
        comparing.provided.order,
        dataset_desk.provided.longest_row,
    )
    measuring: Provider[MemoryMeasuring] = Once(
        MemoryMeasuring,
        program=measurer,
        clock=clock,
        forecasts=memory_forecasts,
        folder=settings.provided.steps_folder,
    )
    preflight: Provider[Preflight] = Once(
        Preflight,
        settings.provided.workspace,
        Object(wiring.free_bytes),
        packages.provided.version,
        min_free_bytes=settings.provided.min_free_bytes,
        log_max_bytes=settings.provided.log_max_bytes,
        forecast=memory_forecasts.provided.look,
    )
    training: Provider[TrainingService] = Once(
        TrainingService, store, files, processes, preflight, configs, clock, settings.provided.runs_folder
    )
    repairs: Provider[Repairs] = Once(Repairs, store, files, executor, processes, Object(held))
    branching: Provider[Branching] = Once(Branching, store, branch_files, processes, training, configs)
    disk: Provider[DiskWatch] = Once(
        DiskWatch, settings.provided.workspace, Object(wiring.free_bytes), settings.provided.min_free_bytes
    )
    reports: Provider[RunReports] = Once(RunReports, store, curves, clock, comparing.provided.order)
    library: Provider[RunLibrary] = Once(
        RunLibrary, store, files, executor, processes, settings.provided.trash_folder, curves.provided.forget
    )
    queue: Provider[RunQueue] = Once(RunQueue, store, processes)
    sweeps: Provider[Sweeps] = Once(Sweeps, store, files, training, queue, configs, clock)
    bulk: Provider[BulkRuns] = Once(BulkRuns, training, library, processes)
    facts: Provider[RunFactsService] = Once(wiring.run_facts, settings, configs, branch_files, curves, clock)
    models: Provider[ModelLibrary] = Once(wiring.model_library, settings, store, clock)
    adapters: Provider[AdapterLibrary] = Once(AdapterLibrary, store, curves)
    checkpoints: Provider[CheckpointLibrary] = Once(
        CheckpointLibrary, store, executor, curves, configs, Object(held), settings.provided.trash_folder
    )
    reindexing: Provider[Reindexing] = Once(Reindexing, store, records, settings.provided.runs_folder, clock)
    chat: Provider[ChatService] = Once(
        ChatService, program=inference, **asking, idle_limit_seconds=settings.provided.chat_idle_seconds
    )
    times: Provider[RunTimes] = Once(RunTimes, store, comparing)
    advice: Provider[AdviceDesk] = Once(
        wiring.advice, store, comparing, curves, dataset_desk, memory_forecasts, hardware, counts, datasets, packages
    )
    playground: Provider[Playground] = Once(Playground, store, chat)
    chat_desk: Provider[ChatDesk] = Once(wiring.chat_desk, settings, chat, playground, clock)
    chat_place: Provider[ChatPlace] = Once(ChatPlace, store, places, Once(DataCache, clock, ttl_seconds=5.0))
    exports: Provider[Exports] = Once(wiring.exports, settings, store, configs, playground, exporter, clock)
    hub: Provider[HubSearch] = Once(wiring.hub, settings, searcher, clock)
    states: Provider[StateManagers] = Once(StateManagers, store)
    storage: Provider[StorageService] = Once(StorageService, settings.provided.workspace, answers)
    drafts: Provider[Drafts] = Once(Drafts, store, clock)
    trash: Provider[TrashService] = Once(TrashService, settings.provided.trash_folder)
    boot: Provider[BootService] = Once(wiring.boot_service, settings, systemctl)
    insight: Provider[Insight] = Once(
        Insight,
        bus,
        timings,
        errors,
        caches=providers.Dict(answers=answers, log_directories=found, last_values=curves.provided.answers),
        providers=providers.Callable(graph, __self__).provider,
    )
    tellers: Provider[connections.Tellers] = Once(connections.Tellers, datasets, dataset_desk, models, configs, plugins)
    kept: Provider[connections.Kept] = Once(connections.Kept, curve_cache, curves, answers, found)
    followers: Provider[connections.Followers] = Once(
        connections.Followers,
        memory,
        chat,
        doctor,
        counts,
        memory_forecasts,
        spare,
        tensorboard,
        places,
        reboots,
        preflight,
        kept,
        exports,
        hub,
    )
    closed: Provider[connections.Closed] = Once(
        connections.Closed, counts, measuring, memory_forecasts, dataset_desk.provided.jobs, exports.provided.jobs, hub
    )
    bundle: Provider[Services] = Once(
        Services, **(asked_fields(locals()) | {"dependencies": checker, "settings": watched})
    )
    services: Provider[Services] = Once(
        opened,
        providers.Resource(connections.opened, store, chat, spare, curves, tensorboard, closed),
        Once(connections.connect, bus, errors, answers, store, status, curves, states, tellers),
        Once(connections.following, watched, followers, bus),
        bundle,
    )


def build_container(settings: Settings | None = None) -> StudioContainer:
    """A fresh container; nothing is built, read or opened until somebody asks for it."""
    container = StudioContainer()
    if settings is not None:
        container.settings.override(Object(settings))
    return container
