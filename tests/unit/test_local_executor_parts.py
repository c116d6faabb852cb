"""What the executor of this machine is made of: identities, locks, environments, sweeps."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from backend.domain.heap import TUNABLES, as_given
from backend.domain.ports import Command, Exit
from backend.domain.run import ProcessIdentity
from backend.domain.states import Liveness
from backend.executors import lock_file, orphans, own_memory, process_table, waiting
from backend.executors.environment import LOCK_FD, RUN_ID, TOKEN, child_environment, marker
from backend.executors.local import LocalExecutor

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


def wait_until(condition: object, seconds: float = 60) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as process:
        yield process
        process.kill()


def identity(pid: int) -> ProcessIdentity:
    found = process_table.identify(pid)
    assert found is not None
    return found


def test_a_child_gets_what_it_needs_and_no_secret() -> None:
    ours = {
        "PATH": "/bin",
        "HF_TOKEN": "needed",
        "https_proxy": "http://proxy",
        "CUDA_VISIBLE_DEVICES": "1",
        "PEFT_STUDIO_WORKSPACE": "/w",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "GITHUB_TOKEN": "secret",
        "PEFT_STUDIO_TOKEN": "of another attempt",
        "PEFT_STUDIO_LOCK_FD": "7",
    }
    assert child_environment(ours, {"PEFT_STUDIO_RUN_ID": "a"}) == {
        "PATH": "/bin",
        "HF_TOKEN": "needed",
        "https_proxy": "http://proxy",
        "CUDA_VISIBLE_DEVICES": "1",
        "PEFT_STUDIO_WORKSPACE": "/w",
        "PEFT_STUDIO_RUN_ID": "a",
    }


def test_an_attempt_is_marked_by_its_token_alone() -> None:
    assert marker({RUN_ID: "a", TOKEN: "t", "PATH": "/bin"}) == marker({TOKEN: "t"}) == {TOKEN: "t"}
    assert marker({RUN_ID: "a"}) == marker({RUN_ID: "a", TOKEN: ""}) == {}


def test_both_ways_to_read_a_process_agree(sleeper: subprocess.Popen[bytes]) -> None:
    by_proc, by_psutil = process_table._read_proc(sleeper.pid), process_table._read_psutil(sleeper.pid)
    assert by_proc is not None
    assert by_psutil is not None
    assert replace(by_psutil, start_ticks=0) == replace(by_proc, start_ticks=0)
    assert process_table._environment_psutil(sleeper.pid) == process_table._environment_proc(sleeper.pid)


def test_an_environment_is_read_as_it_was_given_although_a_c_library_cuts_a_variable_in_place() -> None:
    given = {"PATH": os.environ["PATH"], TUNABLES: "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0", "A": "b=c"}
    process = subprocess.Popen(SLEEP, env=given, stdout=subprocess.PIPE)
    try:
        wait_until(lambda: process_table.environment(process.pid) == given)
        assert as_given(process_table._environment_psutil(process.pid)) == given
    finally:
        process.kill()
        process.communicate()


def test_a_process_that_is_gone_has_no_entry_and_no_environment(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    sleeper.wait()
    assert process_table.identify(sleeper.pid) is None
    assert process_table._read_psutil(sleeper.pid) is None
    assert process_table.environment(sleeper.pid) == process_table._environment_psutil(sleeper.pid) == {}


def test_a_zombie_is_not_alive_but_still_tells_its_exit_code(sleeper: subprocess.Popen[bytes]) -> None:
    process = identity(sleeper.pid)
    os.kill(sleeper.pid, 9)
    wait_until(lambda: not process_table.is_alive(process))
    found = process_table.find(process)
    assert found is not None
    assert found.is_zombie
    ended = waiting.wait_for_stranger(process, 0)
    assert ended is not None
    assert ended.code == -9


def test_a_process_whose_first_thread_is_gone_is_alive() -> None:
    """Its state is Z, but its other threads hold its files and locks."""
    code = (
        "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(600,)).start(); "
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        stat = Path(f"/proc/{process.pid}/stat")
        wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z")
        assert process_table.is_alive(identity(process.pid))
        assert waiting.wait_for_stranger(identity(process.pid), 0.05) is None
        process.kill()


@pytest.mark.parametrize("has_pidfd", [True, False])
def test_a_stranger_is_waited_for_with_or_without_pidfd(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch, has_pidfd: bool
) -> None:
    if not has_pidfd:
        monkeypatch.delattr(os, "pidfd_open")
    process = identity(sleeper.pid)
    assert waiting.wait_for_stranger(process, 0.1) is None
    entry = process_table.find(process)
    assert entry is not None
    process_table.send(replace(entry, start_ticks=1), signal.SIGKILL)
    assert waiting.wait_for_stranger(process, 0.1) is None
    process_table.send(entry, signal.SIGKILL)
    ended = waiting.wait_for_stranger(process, 60)
    assert ended is not None
    assert ended.code == -9


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert not lock_file.is_held(path)
    handle = lock_file.take(path)
    assert handle is not None
    assert lock_file.is_held(path)
    assert lock_file.take(path) is None
    os.close(handle)
    assert not lock_file.is_held(path)


def test_somebody_who_only_looks_does_not_keep_the_lock_from_anybody(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.touch()
    looker = os.open(path, os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)
    threading.Timer(2.5, lambda: os.close(looker)).start()  # it is held up in the middle of its look
    handle = lock_file.take(path)
    assert handle is not None
    os.close(handle)


def test_a_link_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        lock_file.take(tmp_path / "a.lock")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": null}', "\x00\xff", '{"pid": 1, "start_ticks": "x"}'])
def test_a_lock_file_that_says_nothing_readable_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.lock").write_text(text)
    assert lock_file.read_identity(tmp_path / "a.lock") is None
    assert lock_file.read_identity(tmp_path / "none.lock") is None


def test_a_shorter_name_leaves_nothing_of_a_longer_one(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    handle = lock_file.take(path)
    assert handle is not None
    lock_file.write_identity(handle, ProcessIdentity(4_000_000, 10**18, "b" * 36))
    lock_file.write_identity(handle, ProcessIdentity(1, 2, "c"))
    os.close(handle)
    assert lock_file.read_identity(path) == ProcessIdentity(1, 2, "c")


def test_a_program_holds_the_lock_that_it_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = lock_file.take(tmp_path / "a.lock")
    monkeypatch.setenv(LOCK_FD, str(handle))
    assert lock_file.hold(tmp_path / "a.lock") == handle
    assert lock_file.read_identity(tmp_path / "a.lock") == identity(os.getpid())
    other = lock_file.hold(tmp_path / "b.lock")  # the descriptor in the environment is another file's
    assert other not in (None, handle)
    monkeypatch.setenv(LOCK_FD, "none")
    assert lock_file.hold(tmp_path / "a.lock") is None
    for each in (handle, other):
        assert each is not None
        os.close(each)


def command(folder: Path, *argv: str, **environment: str) -> Command:
    return Command(argv, folder, folder / "logs" / "a.log", folder / "a.lock", environment)


def test_the_lock_outlives_its_holder_in_a_child_that_inherited_it(tmp_path: Path) -> None:
    """Forked workers keep the lock: nothing may start beside them, although the named holder is gone."""
    code = "import os, time; pid = os.fork(); time.sleep(600) if pid == 0 else os._exit(0)"
    executor = LocalExecutor()
    marks = {RUN_ID: "fork-test", TOKEN: str(tmp_path)}
    process = executor.start(command(tmp_path, sys.executable, "-c", code, **marks))
    assert process is not None
    assert executor.wait(process, 60) is not None
    assert executor.find(tmp_path / "a.lock") == (Liveness.ALIVE, None)
    assert executor.start(command(tmp_path, *SLEEP)) is None
    assert executor.sweep(marks) == 1
    wait_until(lambda: executor.find(tmp_path / "a.lock") == (Liveness.DEAD, None))


@pytest.mark.parametrize("number", ["2.36", "2.41"])
def test_what_is_started_gets_a_heap_that_stays_whole(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_memory, "c_library", lambda: f"glibc {number}")
    monkeypatch.setenv(TUNABLES, "glibc.malloc.check=0")
    executor = LocalExecutor()
    process = executor.start(command(tmp_path, sys.executable, "-c", f"import os; print(os.environ[{TUNABLES!r}])"))
    assert process is not None
    assert executor.wait(process, 60) == Exit(code=0)
    added = ":glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0" if number == "2.36" else ""
    assert (tmp_path / "logs" / "a.log").read_text().strip() == f"glibc.malloc.check=0{added}"


def test_a_kill_reaches_the_group_other_sessions_and_what_left_its_parents(tmp_path: Path) -> None:
    sleeper = "import time; time.sleep(600)"
    code = (
        "import subprocess, sys, time\n"
        f"a = [sys.executable, '-c', {sleeper!r}]\n"
        "subprocess.Popen(a); subprocess.Popen(a, start_new_session=True)\n"
        "subprocess.run([sys.executable, '-c', 'import subprocess; "
        f'subprocess.Popen([__import__("sys").executable, "-c", "{sleeper}"], start_new_session=True)\'])\n'
        "print('up', flush=True); time.sleep(600)"
    )
    marks = {RUN_ID: "tree-test", TOKEN: str(tmp_path)}
    executor = LocalExecutor()
    process = executor.start(command(tmp_path, sys.executable, "-c", code, **marks))
    assert process is not None
    wait_until(lambda: "up" in (tmp_path / "logs" / "a.log").read_text())
    wait_until(lambda: len(marked(marks)) == 4)
    executor.kill(process)
    assert executor.wait(process, 60) is not None
    wait_until(lambda: not marked(marks))


def marked(marks: dict[str, str]) -> list[int]:
    return [
        entry.pid
        for entry in process_table.processes()
        if not entry.is_zombie and marks.items() <= process_table.environment(entry.pid).items()
    ]


def test_our_children_never_become_zombies(tmp_path: Path) -> None:
    executor = LocalExecutor()
    process = executor.start(command(tmp_path, sys.executable, "-c", "pass"))
    assert process is not None
    wait_until(lambda: process_table.find(process) is None)


def test_a_process_that_leads_no_group_is_asked_alone(sleeper: subprocess.Popen[bytes]) -> None:
    """It shares our group: a signal to the group would be one to ourselves."""
    LocalExecutor().terminate(identity(sleeper.pid))
    assert sleeper.wait(60) == -15


def test_a_subreaper_ends_and_reaps_orphans_that_cleaned_their_environment(tmp_path: Path) -> None:
    """In a process of its own, because being a subreaper cannot be undone by us."""
    code = f"""
import os, sys, time
from pathlib import Path
from backend.domain.ports import Command
from backend.executors import process_table
from backend.executors.local import LocalExecutor
executor = LocalExecutor(adopts_orphans=True)
folder = Path({str(tmp_path)!r})
escape = "import os, sys; os.setsid(); os.fork() and os._exit(0); os.execve(sys.executable, " \\
    "[sys.executable, '-c', 'import time; time.sleep(600)'], {{}})"
program = "import subprocess, sys; subprocess.run([sys.executable, '-c', " + repr(escape) + "])"
process = executor.start(Command((sys.executable, "-c", program), folder, folder / "x.log", folder / "x.lock", {{}}))
assert executor.wait(process, 60).code == 0, (folder / "x.log").read_text()
def ours():
    return [e for e in process_table.processes() if e.parent == os.getpid()]
end = time.monotonic() + 60
while [e.is_zombie for e in ours()] != [False]:
    executor.wait(process, 0.05)
    assert time.monotonic() < end, ours()
assert executor.sweep({{"NOBODY": "has this"}}) == 1
while ours():
    executor.wait(process, 0.05)
    assert time.monotonic() < end, ours()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_where_there_is_no_prctl_nobody_becomes_a_subreaper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())
    assert not orphans.become_subreaper()
