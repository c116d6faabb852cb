"""What is told of the loopback address."""

import socket
from pathlib import Path

import pytest

from backend.probes import tensorboard
from backend.probes.tensorboard import LoopbackTensorBoard

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = (
    "   0: 0100007F:{local:04X} 0100007F:{remote:04X} {state} 00000000:00000000 00:00000000 00000000     0        0 1\n"
)


@pytest.mark.parametrize(
    ("local", "remote", "state", "expected"),
    [
        (6006, 0, "0A", False),  # it listens
        (6006, 50000, "01", True),  # connected
        (6006, 50000, "06", True),  # it has closed a connection within a minute
        (50000, 6006, "06", True),  # the browser has
        (6007, 50000, "01", False),
    ],
)
def test_connections_are_read_from_the_kernel_s_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: int, remote: int, state: str, expected: bool
) -> None:
    table = tmp_path / "tcp"
    table.write_text(HEAD + LINE.format(local=local, remote=remote, state=state))
    monkeypatch.setattr(tensorboard, "SOCKETS", table)
    assert LoopbackTensorBoard().is_looked_at(1, 6006) is expected


def test_without_that_table_only_open_connections_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    monkeypatch.setattr(tensorboard, "SOCKETS", tmp_path / "none")
    probe = LoopbackTensorBoard()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not probe.is_looked_at(os.getpid(), port)
        with socket.create_connection(("127.0.0.1", port)):
            accepted, _ = server.accept()
            assert probe.is_looked_at(os.getpid(), port)
            accepted.close()
    assert not probe.is_looked_at(2**22 + 1, port)


def test_a_port_is_free_until_somebody_listens() -> None:
    probe = LoopbackTensorBoard()
    port = probe.free_port()
    assert probe.is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not probe.is_free(port)


def test_what_answers_otherwise_is_no_tensorboard(tmp_path: Path) -> None:
    import threading

    def serve(server: socket.socket, answer: bytes) -> None:
        line, _ = server.accept()
        with line:
            line.recv(4096)
            line.sendall(answer)

    probe = LoopbackTensorBoard()
    for body in (b"not HTTP", b"HTTP/1.0 200 OK\r\n\r\nhello", b"HTTP/1.0 200 OK\r\n\r\n[1]"):
        with socket.create_server(("127.0.0.1", 0)) as server:
            thread = threading.Thread(target=serve, args=(server, body))
            thread.start()
            assert not probe.is_answering(server.getsockname()[1], "token", tmp_path)
            thread.join()
    assert not probe.is_answering(probe.free_port(), "token", tmp_path)


def test_the_installed_package_has_its_fast_server() -> None:
    probe = LoopbackTensorBoard()
    assert probe.is_installed()
    assert probe.is_fast()
