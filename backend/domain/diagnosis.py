"""Why an attempt ended, what to do about it, and whether another attempt is worth it. Pure."""

import re
import signal
from dataclasses import dataclass

from backend.domain.disk_room import DISK_FULL_IDS
from backend.domain.exit_record import ExitRecord
from backend.domain.symptom import Symptom
from backend.domain.symptoms import SYMPTOMS
from backend.errors import (
    EXIT_CHECKPOINTED,
    EXIT_CONFIGURATION,
    EXIT_DATA,
    EXIT_USAGE,
)

NEVER_RETRIED = {
    EXIT_USAGE: "it was called in a way that cannot work",
    EXIT_DATA: "its dataset cannot be used as it is",
    EXIT_CONFIGURATION: "its configuration cannot work",
}
GPU_MEMORY_ID = "gpu-out-of-memory"
MEMORY_IDS = frozenset({GPU_MEMORY_ID, "out-of-memory", "killed-out-of-memory"})
_NEVER_RETRIED_IDS = MEMORY_IDS | DISK_FULL_IDS | {"loss-not-finite", "guard-tripped"}  # unchanged, that is
_TRACEBACK = "Traceback (most recent call last):"
_EXCEPTION = re.compile(r"^[A-Za-z_][\w.]*(: .*)?$")
_MAX_CHARACTERS = 400
_SHELL_SIGNAL_BASE = 128
_READ_THE_LOG = "Read the end of the attempt's log."


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`reason` continues "it ended: ..." without a full stop; `advice` is whole sentences, or empty."""

    id: str
    reason: str
    advice: str
    is_worth_retrying: bool


def diagnose(
    exit_code: int | None, record: ExitRecord | None, log_tail: str, *, hung: bool, oom_evidence: bool
) -> Diagnosis:
    """Why an attempt ended, by the most telling evidence.

    That is, in this order: our own kill for silence, what the trainer explained itself, who killed it, a
    message that we know, the signal, the last exception. `exit_code` is negative for a signal and None when
    nobody saw it; `log_tail` is the end of the attempt's log; `oom_evidence`: the kernel killed some process
    for want of memory while this attempt ran.
    """
    if hung:
        return _HUNG
    if exit_code in (0, EXIT_CHECKPOINTED):
        return Diagnosis("", "ended as asked", "", is_worth_retrying=True)
    symptom = _symptom(_evidence(record, log_tail))
    if record is not None and record.what and record.code >= EXIT_USAGE:
        return _explained(record, symptom)
    number = _signal_of(exit_code)
    if number in _OUTSIDE:
        return _killed(number, oom_evidence=oom_evidence)
    return _recognised(exit_code, symptom) or _by_signal_or_text(exit_code, number, record, log_tail)


def _explained(record: ExitRecord, symptom: Symptom | None) -> Diagnosis:
    """An error of ours, in the trainer's words; below EXIT_USAGE they only name an unexpected exception."""
    is_hopeless = record.code in NEVER_RETRIED or record.error_id in _NEVER_RETRIED_IDS
    is_worth_retrying = not is_hopeless and (symptom is None or symptom.is_worth_retrying)
    reason = _one_line(" ".join(text for text in (record.what, record.why) if text))
    return Diagnosis(record.error_id or "trainer-error", reason.rstrip("."), record.fix, is_worth_retrying)


def _recognised(exit_code: int | None, symptom: Symptom | None) -> Diagnosis | None:
    if symptom is not None:
        is_worth_retrying = symptom.is_worth_retrying and exit_code not in NEVER_RETRIED
        return Diagnosis(symptom.id, symptom.reason, symptom.advice, is_worth_retrying)
    if exit_code in NEVER_RETRIED:
        reason = NEVER_RETRIED[exit_code]
        return Diagnosis(f"exit-{exit_code}", reason, _READ_THE_LOG, is_worth_retrying=False)
    return None


def _killed(number: signal.Signals, *, oom_evidence: bool) -> Diagnosis:
    if number is not signal.SIGKILL:
        reason = f"ended by {number.name} from outside"
        return Diagnosis("ended-from-outside", reason, "", is_worth_retrying=True)
    if oom_evidence:
        return Diagnosis(
            "killed-out-of-memory",
            "killed by the system (SIGKILL), because the machine ran out of memory",
            "Take a smaller batch or maximum length, quantize, or close other programs, and start it again.",
            is_worth_retrying=False,
        )
    reason = "killed by SIGKILL; if you did not do it, the system probably ran out of memory"
    return Diagnosis(
        "killed",
        reason,
        "Look at the memory on the machine page before another start.",
        is_worth_retrying=True,
    )


def _by_signal_or_text(
    exit_code: int | None, number: signal.Signals | None, record: ExitRecord | None, log_tail: str
) -> Diagnosis:
    if number is not None:
        reason, advice, is_worth_retrying = _CRASHES.get(number, _OTHER_SIGNAL)
        return Diagnosis(
            f"signal-{number.name.lower()}", f"crashed by {number.name}{reason}", advice, is_worth_retrying
        )
    exception = _last_exception(log_tail) or _one_line(record.why if record else "")
    if exception:
        return Diagnosis("python-error", exception, _READ_THE_LOG, is_worth_retrying=True)
    if exit_code is None:
        return _UNSEEN
    reason = f"ended with exit code {exit_code} and without a word that we know"
    return Diagnosis("unknown-exit", reason, _READ_THE_LOG, is_worth_retrying=True)


def _evidence(record: ExitRecord | None, log_tail: str) -> str:
    """What to search: the trainer's own account and the last exception; without one, the last lines."""
    said = f"{record.what}\n{record.why}" if record else ""
    exception = _last_traceback(log_tail)
    return f"{said}\n{exception}" if exception or said else "\n".join(log_tail.splitlines()[-20:])


def _symptom(text: str) -> Symptom | None:
    return next((symptom for symptom in SYMPTOMS if symptom.pattern.search(text)), None)


def _last_traceback(log_tail: str) -> str:
    """Message of the last exception: what follows its indented frames."""
    _, found, after = log_tail.rpartition(_TRACEBACK)
    if not found:
        return ""
    lines = [line for line in after.splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if _EXCEPTION.match(line)), len(lines))
    return "\n".join(lines[start:])


def _last_exception(log_tail: str) -> str:
    message = _last_traceback(log_tail)
    return _one_line(message.splitlines()[0]) if message else ""


def _one_line(text: str) -> str:
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= _MAX_CHARACTERS else plain[: _MAX_CHARACTERS - 1] + "…"


def _signal_of(exit_code: int | None) -> signal.Signals | None:
    """Also a shell's way of saying it, 128 + number."""
    if exit_code is None:
        return None
    number = -exit_code if exit_code < 0 else exit_code - _SHELL_SIGNAL_BASE
    try:
        return signal.Signals(number)
    except ValueError:
        return None


NO_RESULT = Diagnosis("no-result", "ended with exit 0 but without a result", _READ_THE_LOG, is_worth_retrying=True)
_OUTSIDE = frozenset({signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_HUNG = Diagnosis(
    "hung",
    "gave no sign of life for longer than the limit, and was killed",
    "If it needs that long, raise PEFT_STUDIO_HANG_TRAINING_SECONDS or PEFT_STUDIO_HANG_OTHER_SECONDS.",
    is_worth_retrying=True,
)
_UNSEEN = Diagnosis("unseen-end", "ended while nobody watched, and left no word", "", is_worth_retrying=True)
_OTHER_SIGNAL = ("", _READ_THE_LOG, True)
_CRASHES = {
    signal.SIGSEGV: (
        " (a fault inside a compiled library)",
        "If it repeats, the installed versions may not fit together, or memory is faulty.",
        True,
    ),
    signal.SIGABRT: (" (a library gave up)", _READ_THE_LOG, True),
    signal.SIGBUS: (
        " (memory that could not be reached)",
        "Check the disk and the shared memory (/dev/shm) for space.",
        True,
    ),
    signal.SIGILL: (
        " (an instruction that this processor lacks)",
        "The installed torch was built for another processor: install one for this machine.",
        False,
    ),
    signal.SIGXCPU: (
        " (a limit on processor time)",
        "Raise the limit (ulimit -t), and start it again.",
        False,
    ),
    signal.SIGXFSZ: (" (a limit on file sizes)", "Raise the limit (ulimit -f), and start it again.", False),
}
