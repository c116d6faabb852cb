"""SettingsService: the settings that hold now, where each comes from, and changing them while the studio runs."""

import errno
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from stat import S_IMODE
from typing import Any

from pydantic import ValidationError

from backend.domain.setting_state import SettingState
from backend.errors import Explanation
from backend.services.setting_states import STARTED, flat, keys, states
from backend.services.settings_errors import (
    SettingFixed,
    SettingInvalid,
    SettingsFileInvalid,
    SettingsNotKept,
    SettingUnknown,
)
from backend.store.files import replace_text
from backend.store.locking import locked
from backend.store.toml_text import with_value
from config.setting_layers import Layer, Source, leaves, nested
from config.settings import Settings

Listener = Callable[[frozenset[str]], object]
Stamp = tuple[tuple[int, int, int], ...]
_NOTHING = (0, 0, 0)
LOCK_SECONDS, MOST_TRIES = 10.0, 20
PRIVATE = 0o600  # the address of the store may hold a password
_log = logging.getLogger(__name__)


class SettingsService:
    """Keeps to what the files say; safe to call from any thread. Who listens is told the dotted keys that changed.

    What takes effect at the next start stays in `current()` as it was at this one.
    """

    def __init__(self, started: Settings) -> None:
        self._started = started
        self._read = started  # as the sources say, what takes effect later included
        self._current = started
        self._stamp = _stamp(started)
        self._problem: Explanation | None = None
        self._listeners: list[Listener] = []
        self._lock = threading.RLock()

    def current(self) -> Settings:
        """What holds now."""
        return self._current

    def sources(self) -> tuple[SettingState, ...]:
        """Every setting with its value and where that comes from, in the order of the reference."""
        return states(self._current, self._read)

    def problem(self) -> Explanation | None:
        """Why a changed file is not used, if it is not."""
        return self._problem

    def unknown_keys(self) -> tuple[str, ...]:
        """Keys of the files that no setting has."""
        known = {key.name for key in keys()}
        given = {name for layer in self._files() for name, _ in leaves(layer.values)}
        return tuple(sorted(given - known - {"workspace"}))

    def file(self) -> Path:
        """The studio.toml that `set` writes."""
        found = self._layer(Source.FILE).path
        assert found is not None
        return found

    def listen(self, listener: Listener) -> None:
        """Have it called after each change, with the changed keys; what it raises is logged."""
        self._listeners.append(listener)

    def set(self, key: str, value: object) -> None:
        """Keep a value in studio.toml. Raises SettingUnknown, SettingFixed, SettingInvalid, SettingsNotKept."""
        with self._lock:
            self._refuse_if_fixed(key)
            self._write(key, self._checked(key, value))
        self.reload(is_forced=True)

    def reset(self, key: str) -> None:
        """Take a key out of studio.toml, so that its default holds. Raises SettingUnknown, SettingFixed."""
        with self._lock:
            self._refuse_if_fixed(key)
            if key in dict(leaves(self._layer(Source.FILE).values)):
                self._write(key, None)
        self.reload(is_forced=True)

    def reload(self, *, is_forced: bool = False) -> frozenset[str]:
        """Read the files again if they changed; the keys whose values are others now.

        Files that cannot be used change nothing, and become the `problem`. Cheap if nothing changed.
        """
        with self._lock:
            stamp = _stamp(self._started)
            if stamp == self._stamp and not is_forced:
                return frozenset()
            self._stamp = stamp
            changed = self._take_over()
        if changed:
            _log.info("settings changed: %s", ", ".join(sorted(changed)))
            self._tell(changed)
        return changed

    def _take_over(self) -> frozenset[str]:
        try:
            read = Settings(**self._started.given)
        except (ValueError, OSError) as error:
            self._problem = SettingsFileInvalid(problems=_problems(error)).explain()
            _log.warning("%s", self._problem.sentence())
            return frozenset()
        before, self._problem = self._current, None
        kept = {name: getattr(self._started, name) for name in STARTED if "." not in name}
        flags = {name.partition(".")[2]: flat(self._started)[name] for name in STARTED if "." in name}
        self._read = read
        self._current = read.model_copy(update=kept | {"flags": read.flags.model_copy(update=flags)})
        old, new = flat(before), flat(self._current)
        return frozenset(key for key, value in new.items() if old[key] != value)

    def _tell(self, changed: frozenset[str]) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(changed)
            except Exception:  # noqa: BLE001 - where callbacks are fired: one that fails holds up no other
                _log.exception("a listener to settings failed")

    def _refuse_if_fixed(self, key: str) -> None:
        found = next((state for state in self.sources() if state.key == key), None)
        if found is None:
            raise SettingUnknown(key=key)
        if found.fixed:
            raise SettingFixed(key=key, why=found.fixed)

    def _checked(self, key: str, value: object) -> object:
        """The value as JSON has it, once everything together is valid with it."""
        given: dict[str, Any] = self._started.given
        first, _, rest = key.partition(".")
        if rest:
            own = self._started.given.get(first, {})
            wanted: dict[str, Any] = {first: {**(own if isinstance(own, dict) else own.model_dump()), rest: value}}
        else:
            wanted = nested(key, value)
        try:
            return flat(Settings(**given | wanted))[key]
        except ValidationError as error:
            raise SettingInvalid(key=key, problem=_messages(error)) from error
        except (ValueError, OSError) as error:  # a file is not as it should be, whatever the value
            raise SettingsNotKept(path=self.file(), reason=_problems(error)) from error

    def _write(self, key: str, value: object) -> None:
        path = self.file().resolve()  # a link stays one
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(path.with_name(f".{path.name}.lock"), LOCK_SECONDS):  # another studio may change another key
                _change(path, key, value)
        except OSError as error:
            raise SettingsNotKept(path=path, reason=error.strerror or error) from error
        except ValueError as error:
            raise SettingsNotKept(path=path, reason=f"The file is not TOML as it is: {error}") from error

    def _layer(self, source: Source) -> Layer:
        return next(layer for layer in self._read.layers if layer.source is source)

    def _files(self) -> tuple[Layer, ...]:
        return tuple(layer for layer in self._read.layers if layer.source in (Source.HERE, Source.FILE))


def _stamp(settings: Settings) -> Stamp:
    """Changes with every change of a file of settings."""
    return tuple(_look(layer.path) for layer in settings.layers if layer.path is not None)


def _look(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return _NOTHING
    return found.st_mtime_ns, found.st_size, found.st_ino


def _change(path: Path, key: str, value: object) -> None:
    """Write one key; whoever edited the file by hand meanwhile keeps that. Raises OSError, ValueError."""
    for _ in range(MOST_TRIES):
        text, mode = _as_it_is(path)
        changed = with_value(text, key, value)
        if _as_it_is(path)[0] == text:
            replace_text(path, changed, mode)
            return
    raise OSError(errno.EBUSY, "another program changes it all the time")


def _as_it_is(path: Path) -> tuple[str, int]:
    """A file's text and rights; nothing, and those of a private file, if there is none. Raises OSError, ValueError."""
    try:
        return path.read_text(encoding="utf-8"), S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return "", PRIVATE


def _messages(error: ValidationError) -> str:
    texts = (item["msg"].removeprefix("Value error, ").removeprefix("Input ") for item in error.errors())
    return "; ".join(text.strip() for text in texts)


def _problems(error: ValueError | OSError) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
    return str(error).rstrip(".")
