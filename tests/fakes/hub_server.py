"""A hub on a real socket that serves a folder, or refuses as it was told."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """One model, `org/tiny`. `answers` are (status, headers) given to the next calls; then it serves the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.hits: list[dict[str, object]] = []  # what a search finds
        self.tokens: list[str | None] = []  # what came as Authorization
        self.calls: list[str] = []
        self.url = ""

    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:  # noqa: C901 - a class within, which knows its hub
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            pass

        def _answer(self) -> None:
            hub.calls.append(f"{self.command} {self.path}")
            hub.tokens.append(self.headers.get("Authorization"))
            if hub.answers:
                status, headers = hub.answers.pop(0)
                if status == 0:  # the line goes dead
                    self.close_connection = True
                    return
                self._send(status, b"", headers)
                return
            path = self.path.partition("?")[0]
            if path in {"/api/models/org/tiny", f"/api/models/org/tiny/revision/{COMMIT}"} or path.endswith(
                "/revision/main"
            ):
                siblings = [{"rfilename": str(p.relative_to(hub.folder))} for p in hub.files()]
                self._json({"id": "org/tiny", "sha": COMMIT, "siblings": siblings})
            elif path in {"/api/models", "/api/datasets"}:
                self._json(hub.hits)
            elif path.startswith("/api/models/org/tiny/tree/"):
                self._json([self._entry(p) for p in hub.files()])
            elif path.startswith("/org/tiny/resolve/"):
                self._file(hub.folder / path.split("/", 5)[5])
            else:
                self._send(404, b"", {"X-Error-Code": "RepoNotFound"})

        def _entry(self, path: Path) -> dict[str, object]:
            digest = hashlib.sha1(path.read_bytes()).hexdigest()  # noqa: S324 - what git does
            name = path.relative_to(hub.folder).as_posix()
            return {"type": "file", "path": name, "size": path.stat().st_size, "oid": digest}

        def _file(self, path: Path) -> None:
            if not path.is_file():
                self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
                return
            data = path.read_bytes()
            etag = hashlib.sha1(data).hexdigest()  # noqa: S324 - what git does
            self._send(200, data, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

        def _json(self, value: object) -> None:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
