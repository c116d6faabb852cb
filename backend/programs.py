"""How the programs of our own are started, each in a process of its own, as the settings say it."""

import sys
from collections.abc import Callable, Iterator, Mapping

from backend.executors.environment import SAFE_PATH
from backend.executors.own_memory import joined_heap
from backend.executors.piped import PipedProgram
from backend.plugins.registry import SWITCHED_OFF
from backend.services.process_manager import SupervisorProgram
from backend.services.setting_states import STARTED
from backend.services.tensorboard_server import TensorBoardProgram
from config.settings import Settings

Now = Callable[[], Settings]


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


def examiner(settings: Settings) -> PipedProgram:
    """The program that looks at datasets with tokenizers."""
    argv = (sys.executable, "-m", "backend.trainer.examine")
    log = settings.workspace / "logs" / "data-doctor.log"
    return PipedProgram(argv, settings.workspace, log, surroundings=_without(settings))


def _without(settings: Settings) -> dict[str, str]:
    return {SWITCHED_OFF: ",".join(settings.plugins_off)}


def torch_asker(settings: Settings) -> PipedProgram:
    """The program that asks torch about the GPUs."""
    argv = (sys.executable, "-m", "backend.trainer.devices")
    return PipedProgram(argv, settings.workspace, settings.workspace / "logs" / "devices.log")


def counter(settings: Settings) -> PipedProgram:
    """The program that counts trainable parameters."""
    argv = (sys.executable, "-m", "backend.trainer.count")
    return PipedProgram(
        argv, settings.workspace, settings.workspace / "logs" / "count.log", surroundings=_without(settings)
    )


def exporter(settings: Settings) -> PipedProgram:
    """The program that exports results."""
    argv = (sys.executable, "-m", "backend.trainer.export")
    log = settings.workspace / "logs" / "export.log"
    return PipedProgram(argv, settings.workspace, log, surroundings=_without(settings))


def searcher(settings: Settings) -> PipedProgram:
    """The program that searches the hub."""
    argv = (sys.executable, "-m", "backend.trainer.search")
    return PipedProgram(argv, settings.workspace, settings.workspace / "logs" / "hub-search.log")


def forecaster(settings: Settings) -> PipedProgram:
    """The program that traces how much memory a step takes."""
    argv = (sys.executable, "-m", "backend.trainer.forecast")
    log = settings.workspace / "logs" / "forecast.log"
    return PipedProgram(argv, settings.workspace, log, surroundings=_without(settings))


def measurer(settings: Settings, now: Now) -> PipedProgram:
    """The program that takes three real steps; caches and models are where those of trainers are."""
    argv = (sys.executable, "-m", "backend.trainer.three_steps")
    surroundings = Variables(lambda: joined_heap() | now().as_environment(STARTED) | SAFE_PATH)
    return PipedProgram(
        argv, settings.workspace, settings.workspace / "logs" / "measure.log", surroundings=surroundings
    )


def tensorboard(settings: Settings) -> TensorBoardProgram:
    """How TensorBoard is started: tied to the program that starts it."""
    argv = (sys.executable, "-m", "backend.executors.tied")
    return TensorBoardProgram(argv, settings.workspace, SAFE_PATH)
