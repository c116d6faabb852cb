"""The dashboard with a stopwatch around each script run: `measured_server.py TIMES_FILE [streamlit flags]`.

A line of JSON per run: the page's hash, whether a fragment or the whole script ran, when it began (seconds since the
epoch), seconds on the wall, and seconds of processor time of its thread. The product itself carries no hook for it.
"""

import json
import sys
import threading
import time
from pathlib import Path

from streamlit.runtime.scriptrunner import script_runner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData
from streamlit.web.cli import main

MAIN = Path(__file__).resolve().parents[3] / "app" / "main.py"


def measure(times: Path) -> None:
    """Put the stopwatch in: from the request that a thread takes up to the end of its script, callbacks included."""
    plain, lock = script_runner.ScriptRunner._run_script, threading.Lock()  # noqa: SLF001 - there is no public place

    def timed(self: script_runner.ScriptRunner, data: RerunData) -> None:
        at, began, worked = time.time(), time.perf_counter(), time.thread_time()
        try:
            plain(self, data)
        finally:
            seconds, cpu = time.perf_counter() - began, time.thread_time() - worked
            page = self._get_script_run_ctx().page_script_hash
            line = {"page": page, "is_fragment": bool(data.fragment_id_queue), "at": at, "seconds": seconds, "cpu": cpu}
            with lock, times.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    script_runner.ScriptRunner._run_script = timed  # type: ignore[method-assign, assignment]  # noqa: SLF001


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
    sys.argv = ["streamlit", "run", str(MAIN), *sys.argv[2:]]
    main()
