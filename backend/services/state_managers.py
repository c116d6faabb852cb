"""StateManagers: one StateManager per browser session, each starting from what was stored last."""

import threading
from collections import OrderedDict

from backend.domain.ports import DraftStore
from backend.services.state_manager import StateManager

KEY = "application-state"
MAX_SESSIONS = 200


class StateManagers:
    """Thread-safe. Sessions end without telling us, so the longest unused ones are forgotten first."""

    def __init__(self, store: DraftStore, key: str = KEY, max_sessions: int = MAX_SESSIONS) -> None:
        self._store = store
        self._key = key
        self._max_sessions = max_sessions
        self._lock = threading.Lock()
        self._managers: OrderedDict[str, StateManager] = OrderedDict()

    def of(self, session_id: str) -> StateManager:
        """The manager of a session; a new session starts from the stored draft, run and preferences."""
        with self._lock:
            manager = self._managers.get(session_id)
            if manager is None:
                manager = self._managers[session_id] = StateManager(self._store, self._key)
            self._managers.move_to_end(session_id)
            while len(self._managers) > self._max_sessions:
                self._managers.popitem(last=False)
            return manager

    def save_unsaved(self) -> None:
        """Store once more what could not be stored when it changed, so that work survives whatever comes next."""
        with self._lock:
            managers = [manager for manager in self._managers.values() if manager.save_error is not None]
        for manager in managers:
            manager.save()

    def __len__(self) -> int:
        """How many sessions are remembered."""
        return len(self._managers)
