"""How much memory loading takes that the system cannot have back."""

import threading

from backend.executors.own_memory import own_anonymous, own_file_pages

PAUSE_SECONDS = 0.005


class LoadingPeak:
    """Looks all the time while weights are read, from its creation on.

    Pages of the weights' file count as resident once they were read, and the system takes them back when it needs
    memory; so those count only that are still there at the end, because the model consists of them.
    """

    def __init__(self) -> None:
        self._most = own_anonymous() or 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="loading-peak", daemon=True)
        self._thread.start()

    def end(self) -> int | None:
        """Bytes; None where the system does not tell pages apart."""
        self._is_over.set()
        self._thread.join()
        files = own_file_pages()
        return None if files is None or not self._most else self._most + files

    def _look(self) -> None:
        while not self._is_over.is_set():
            self._most = max(self._most, own_anonymous() or 0)
            self._is_over.wait(PAUSE_SECONDS)
