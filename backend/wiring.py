"""How the outside world is made from the settings: plain functions that the composition root assembles."""

import os
import shutil
import sys
from collections.abc import Callable
from getpass import getuser
from pathlib import Path

from backend.domain.curves import CurveSource
from backend.domain.ports import Clock
from backend.event_files.curve_cache import CurveCache
from backend.event_files.folder import EventFolder
from backend.event_files.kept_folder import KeptFolder
from backend.executors.environment import SAFE_PATH
from backend.executors.piped import PipedProgram
from backend.services.boot_service import BootService, Systemctl
from backend.services.chat import ChatService
from backend.services.chat_desk import ChatDesk
from backend.services.chat_rounds import ChatRounds
from backend.services.conversations import Conversations
from backend.services.playground import Playground
from backend.services.process_manager import SupervisorProgram
from backend.services.prompt_sets import PromptFolders, PromptSets
from backend.services.spare import SpareRule
from backend.services.tensorboard_server import TensorBoardProgram
from config.catalog import prompt_sets
from config.settings import Settings

LINGER = Path("/var/lib/systemd/linger")
UNIT_INHERITS = ("PATH", "LANG", "HF_HOME", "HF_HUB_CACHE", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")


def free_bytes(folder: Path) -> int:
    """Free bytes of the disk that holds a folder, or will hold it once it exists."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free


def supervisor(settings: Settings) -> SupervisorProgram:
    """How supervisors of this workspace are started."""
    argv = (sys.executable, "-m", "backend.supervisor")
    return SupervisorProgram(argv, settings.workspace, settings.as_environment() | SAFE_PATH)


def inference(settings: Settings) -> PipedProgram:
    """The program that answers in Chat."""
    idle = str(settings.chat_idle_seconds)
    argv = (sys.executable, "-m", "backend.inference", "--idle-seconds", idle)
    return PipedProgram(argv, settings.workspace, settings.workspace / "logs" / "inference.log")


def chat_desk(settings: Settings, chat: ChatService, playground: Playground, clock: Clock) -> ChatDesk:
    """Where people sit who chat."""
    folder = settings.chats_folder
    folders = PromptFolders(folder / "prompt-sets", folder / "results", settings.trash_folder)
    prompts = PromptSets(prompt_sets(), folders)
    return ChatDesk(playground, ChatRounds(chat, clock), Conversations(folder / "conversations"), prompts, clock)


def examiner(settings: Settings) -> PipedProgram:
    """The program that looks at datasets with tokenizers."""
    argv = (sys.executable, "-m", "backend.trainer.examine")
    return PipedProgram(argv, settings.workspace, settings.workspace / "logs" / "data-doctor.log")


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


def curve_opener(settings: Settings, clock: Clock) -> Callable[[Path], CurveSource]:
    """How a folder of event files is opened: by way of the cache, unless there is to be none."""
    if not settings.curve_cache_max_bytes:
        return EventFolder
    cache = CurveCache(settings.curve_cache_folder, clock, settings.curve_cache_max_bytes)
    return lambda folder: KeptFolder(folder, EventFolder, cache, clock)
