"""Waiting for the end of a process that is not a child of ours."""

import os
import select
import time

from backend.domain.ports import Exit
from backend.domain.run import ProcessIdentity
from backend.executors import process_table

_POLL_SECONDS = 0.05


def wait_for_stranger(process: ProcessIdentity, timeout_seconds: float) -> Exit | None:
    """Its exit, with the code if its zombie still tells (Linux), or None if it lives after the timeout.

    By pidfd where the kernel has it (noticed within milliseconds), else by looking every 50 ms.
    """
    handle = process_table.open_handle(process.pid)
    try:
        if process_table.is_alive(process):
            _sleep_until_end(handle, process, timeout_seconds)
        if process_table.is_alive(process):
            return None
        return Exit(_code(process))
    finally:
        if handle is not None:
            os.close(handle)


def _sleep_until_end(handle: int | None, process: ProcessIdentity, timeout_seconds: float) -> None:
    if handle is not None:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.poll(max(0.0, timeout_seconds) * 1000)
        return
    deadline = time.monotonic() + timeout_seconds
    while process_table.is_alive(process) and (left := deadline - time.monotonic()) > 0:
        time.sleep(min(_POLL_SECONDS, left))


def _code(process: ProcessIdentity) -> int | None:
    entry = process_table.find(process)
    if entry is None or entry.exit_status is None:
        return None
    return os.waitstatus_to_exitcode(entry.exit_status)
