"""LoopbackTensorBoard: is a TensorBoard there, does somebody look at it, and where could one listen."""

import json
import socket
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from pathlib import Path

import psutil

HOST = "127.0.0.1"
MOST_BYTES = 65_536
TIMEOUT_SECONDS = 1.0
SOCKETS = Path("/proc/net/tcp")
LISTEN = "0A"


class LoopbackTensorBoard:
    """Looks at this machine's loopback address only."""

    def is_answering(self, port: int, token: str, folder: Path) -> bool:
        """Whether it is a TensorBoard of this very folder that answers: another program may have got the port."""
        line = HTTPConnection(HOST, port, timeout=TIMEOUT_SECONDS)
        try:
            line.request("GET", f"/{token}/data/environment")
            answer = line.getresponse()
            told = json.loads(answer.read(MOST_BYTES))
        except (OSError, HTTPException, ValueError):
            return False
        finally:
            line.close()
        return isinstance(told, dict) and told.get("data_location") == str(folder)

    def free_port(self) -> int:
        """One that nobody listens on now."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            return int(probe.getsockname()[1])

    def is_free(self, port: int) -> bool:
        """Whether a server could listen there now."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
        return True

    def is_looked_at(self, pid: int, port: int) -> bool:
        """Whether somebody is connected or was in the last minute.

        TensorBoard closes each connection after its answer, and the kernel keeps the closed ones for 60 seconds
        (Linux, TIME_WAIT). Elsewhere only what is open now is seen.
        """
        try:
            lines = SOCKETS.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            return _is_connected(pid, port)
        return any(_concerns(line.split(), port) for line in lines)

    def is_installed(self) -> bool:
        """Whether the package is there."""
        return find_spec("tensorboard") is not None

    def is_fast(self) -> bool:
        """Whether TensorBoard's own data server is there, which loads some hundred times faster than its Python."""
        return find_spec("tensorboard_data_server") is not None and any(_binaries())


def _concerns(fields: list[str], port: int) -> bool:
    """A line of /proc/net/tcp: number, local and remote address as HEX:PORT, state (proc_net_tcp)."""
    ports = (int(address.rpartition(":")[2], 16) for address in fields[1:3])
    return port in ports and fields[3] != LISTEN


def _is_connected(pid: int, port: int) -> bool:
    with suppress(psutil.Error):
        found = psutil.Process(pid).net_connections("tcp")
        return any(one.status != psutil.CONN_LISTEN and one.laddr.port == port for one in found)
    return False


def _binaries() -> list[Path]:
    spec = find_spec("tensorboard_data_server")
    places = (spec.submodule_search_locations or []) if spec else []
    return [file for place in places if (file := Path(place) / "bin" / "server").is_file()]
