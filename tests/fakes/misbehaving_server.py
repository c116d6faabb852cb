"""A small web server that misbehaves on request: misbehaving_server.py PORT PLAN.

PLAN is a JSON file: {"starts": [{...}, ...], "otherwise": {...}}; the n-th start takes the n-th entry.
  exit: code          end at once; say: text on standard error before anything else
  exit_after: seconds end after so long (code: with which code)
  unready: true       listen, but answer 503
  stranger: true      answer 200 with another pid
  silent_after: n     answer so many checks, then no more
  ignore_term: true   TERM changes nothing
  children: true      start one child in our session, and one in a session of its own; a third that is no part of us
  flood: bytes        so much on standard output
Next to PLAN, `starts` gets a line per start, `asked` a dot per check, and `children` the pids of children.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from backend.executors.environment import child_environment

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


class Handler(BaseHTTPRequestHandler):
    plan: ClassVar[dict[str, object]] = {}
    asked: ClassVar[Path]
    answered = 0

    def do_GET(self) -> None:
        Handler.answered += 1
        with self.asked.open("a") as file:
            file.write(".")
        if Handler.answered > int(str(self.plan.get("silent_after", 10**9))):
            time.sleep(600)
        self.send_response(503 if self.plan.get("unready") else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"pid": -1 if self.plan.get("stranger") else os.getpid()}).encode())

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    port, place = int(sys.argv[1]), Path(sys.argv[2])
    starts = place.with_name("starts")
    with starts.open("a") as file:
        file.write(f"{os.getpid()} {port}\n")
    plans = json.loads(place.read_text())
    number = len(starts.read_text().splitlines())
    listed = plans.get("starts", [])
    plan = listed[number - 1] if number <= len(listed) else plans.get("otherwise", {})
    begin(plan, place)
    Handler.plan = plan
    Handler.asked = place.with_name("asked")
    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def begin(plan: dict[str, object], place: Path) -> None:
    sys.stderr.write(f"{plan.get('say', 'serving')}\n")
    sys.stderr.flush()
    if "flood" in plan:
        sys.stdout.write("x" * 99 + "\n")
        for _ in range(int(str(plan["flood"])) // 100):
            sys.stdout.write("x" * 99 + "\n")
        sys.stdout.flush()
    if plan.get("ignore_term"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if plan.get("children"):
        ours = [subprocess.Popen(SLEEP), subprocess.Popen(SLEEP, start_new_session=True)]
        run = subprocess.Popen(SLEEP, start_new_session=True, env=child_environment(os.environ, {}))
        place.with_name("children").write_text(" ".join(str(child.pid) for child in (*ours, run)))
    if "exit" in plan:
        os._exit(int(str(plan["exit"])))
    if "exit_after" in plan:
        timer = threading.Timer(float(str(plan["exit_after"])), os._exit, (int(str(plan.get("code", 1))),))
        timer.daemon = True
        timer.start()


if __name__ == "__main__":
    main()
