"""Work that a stranger wrote, done in a child process that is ended when it takes too long or too much."""

import math
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

import psutil

EXIT_TOO_BIG = 3
GRACE_SECONDS = 60.0  # for the clock only, which also runs while a machine sleeps: the processor limit strikes first
PORTION_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of processor for each item (of clock a minute more) and for all; memory above what is used now."""

    item_seconds: float = 5.0
    all_seconds: float = 120.0
    more_bytes: int = 512 * 1024 * 1024


class TooSlow(Exception):
    """An item took longer than the limits say."""


class TooBig(Exception):
    """An item needed more memory than the limits say."""


class ChildFailed(Exception):
    """The child ended in another way."""


def limited(work: Callable[[], Iterable[str]], limits: Limits) -> Iterator[str]:
    """The lines that `work` gives, one for each item, computed in a fork of this process.

    A fork has everything loaded already (0.02 s instead of seconds) and computes what this process would. It has
    no input and a process group of its own, which is killed at a limit or when nobody listens any more.
    The work must touch neither CUDA nor threads. Raises TooSlow, TooBig or ChildFailed.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(work, limits, writing)
    os.close(writing)
    is_over = False
    try:
        yield from _lines(reading, limits)
        is_over = True
        _judge(os.waitpid(pid, 0)[1])
    finally:
        os.close(reading)
        if not is_over:
            _kill(pid)


def _lines(reading: int, limits: Limits) -> Iterator[str]:
    rest = b""
    while True:
        deadline = time.monotonic() + limits.item_seconds + GRACE_SECONDS
        while b"\n" not in rest:
            if not select.select([reading], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TooSlow
            portion = os.read(reading, PORTION_BYTES)
            if not portion:
                return
            rest += portion
        line, _, rest = rest.partition(b"\n")
        yield line.decode()


def _judge(status: int) -> None:
    """What the end of the child means: a number of a signal, or an exit code."""
    code = os.waitstatus_to_exitcode(status)
    if code in {-signal.SIGXCPU, -signal.SIGKILL}:
        raise TooSlow
    if code in {EXIT_TOO_BIG, -signal.SIGABRT, -signal.SIGSEGV}:  # Rust and C abort where Python raises MemoryError
        raise TooBig
    if code != 0:
        raise ChildFailed(f"it ended with {code}")


def _kill(pid: int) -> None:
    for kill, target in ((os.killpg, pid), (os.kill, pid)):  # the group does not exist before the child made it
        try:
            kill(target, signal.SIGKILL)
        except ProcessLookupError:
            continue
    os.waitpid(pid, 0)


def _work(work: Callable[[], Iterable[str]], limits: Limits, writing: int) -> NoReturn:
    """The child: it leaves by _exit, so that nothing of the parent's is flushed, saved or closed twice."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        memory = psutil.Process().memory_info().vms + limits.more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _give(iter(work()), limits, writing)
        code = 0
    except MemoryError:
        code = EXIT_TOO_BIG
    except BaseException:  # noqa: BLE001 - the outermost frame of a process
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _give(items: Iterator[str], limits: Limits, writing: int) -> None:
    total = math.ceil(limits.all_seconds)
    while True:
        soft = math.ceil(time.process_time() + limits.item_seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (min(soft, total), total))
        line = next(items, None)
        if line is None:
            return
        data = line.encode() + b"\n"
        while data:
            data = data[os.write(writing, data) :]
