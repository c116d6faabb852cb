"""What the studio says about real messages of the libraries."""

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.diagnosis import diagnose
from backend.domain.exit_record import ExitRecord

HEAD = """\
{'loss': 2.31, 'step': 12}
Traceback (most recent call last):
  File "/x/backend/trainer/__main__.py", line 12, in <module>
    main()
  File "/x/torch/nn/modules/module.py", line 1775, in _call_impl
    return forward_call(*args, **kwargs)
           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
"""

SIGNALS = {
    signal.SIGKILL: ("killed", "killed by SIGKILL; if you did not do it", True),
    signal.SIGTERM: ("ended-from-outside", "ended by SIGTERM from outside", True),
    signal.SIGSEGV: ("signal-sigsegv", "crashed by SIGSEGV (a fault inside a compiled library)", True),
    signal.SIGILL: ("signal-sigill", "crashed by SIGILL (an instruction", False),
    signal.SIGXFSZ: ("signal-sigxfsz", "crashed by SIGXFSZ (a limit on file sizes)", False),
    signal.SIGQUIT: ("signal-sigquit", "crashed by SIGQUIT", True),
}


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("as_a_shell_says_it", [False, True])
def test_a_signal_is_named(number: signal.Signals, as_a_shell_says_it: bool) -> None:
    code = 128 + number if as_a_shell_says_it else -number
    found = diagnose(code, None, "step 3\nstep 4\n", hung=False, oom_evidence=False)
    name, reason, is_worth_retrying = SIGNALS[number]
    assert (found.id, found.is_worth_retrying) == (name, is_worth_retrying)
    assert found.reason.startswith(reason)


def test_a_kill_with_the_kernels_word_is_out_of_memory_and_not_repeated_unchanged() -> None:
    found = diagnose(-9, None, "", hung=False, oom_evidence=True)
    assert (found.id, found.is_worth_retrying) == ("killed-out-of-memory", False)
    assert "batch" in found.advice


def test_evidence_of_other_deaths_does_not_touch_a_crash_of_its_own() -> None:
    assert diagnose(-11, None, "", hung=False, oom_evidence=True).id == "signal-sigsegv"


def test_an_abort_with_a_known_message_is_that_message() -> None:
    log = "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n"
    assert diagnose(-6, None, log, hung=False, oom_evidence=False).id == "out-of-memory"


def test_a_kill_from_outside_is_not_explained_by_an_older_message() -> None:
    log = f"{HEAD}httpx.ConnectError: [Errno -3] Temporary failure in name resolution\nretrying...\nstep 5\n"
    assert diagnose(-9, None, log, hung=False, oom_evidence=False).id == "killed"


def test_only_the_last_exception_counts() -> None:
    log = f"{HEAD}ConnectionError: try 1\n{HEAD}KeyError: 'labels'\n"
    found = diagnose(1, None, log, hung=False, oom_evidence=False)
    assert (found.id, found.reason) == ("python-error", "KeyError: 'labels'")


def test_a_hang_is_a_hang_whatever_else_there_is() -> None:
    found = diagnose(-9, None, f"{HEAD}MemoryError\n", hung=True, oom_evidence=True)
    assert (found.id, found.is_worth_retrying) == ("hung", True)


@pytest.mark.parametrize("code", [64, 65, 78])
def test_wrong_use_data_or_configuration_is_never_worth_another_attempt(code: int) -> None:
    assert not diagnose(code, None, "", hung=False, oom_evidence=False).is_worth_retrying
    network = f"{HEAD}ConnectionError: no\n"
    assert not diagnose(code, None, network, hung=False, oom_evidence=False).is_worth_retrying
    record = ExitRecord(code, 0, "dataset-empty", "No rows.", "It is empty.", "Fill it.")
    found = diagnose(code, record, "", hung=False, oom_evidence=False)
    assert (found.id, found.reason, found.advice) == ("dataset-empty", "No rows. It is empty", "Fill it.")
    assert not found.is_worth_retrying


@pytest.mark.parametrize(
    ("code", "name", "why", "is_worth_retrying"),
    [
        (69, "model-unreachable", "ReadTimeout: the hub did not answer.", True),
        (74, "disk-full", "/runs has 12 bytes free.", False),
        (70, "out-of-memory", "CUDA out of memory. Tried to allocate 2 GiB.", False),
        (70, "loss-not-finite", "The learning rate may be too high.", False),
        (74, "not-written", "Input/output error", True),
    ],
)
def test_an_explained_error_keeps_the_trainers_words(code: int, name: str, why: str, is_worth_retrying: bool) -> None:
    record = ExitRecord(code, 7, name, "It went wrong.", why, "Do this.")
    found = diagnose(code, record, "", hung=False, oom_evidence=False)
    assert (found.id, found.advice, found.is_worth_retrying) == (name, "Do this.", is_worth_retrying)
    assert why.rstrip(".") in found.reason


def test_an_unexpected_exception_in_the_record_is_recognised_or_quoted() -> None:
    def found(why: str) -> tuple[str, str]:
        record = ExitRecord(1, 7, "trainer-crashed", "The trainer crashed at step 7.", why, "Look.")
        told = diagnose(1, record, "", hung=False, oom_evidence=False)
        return told.id, told.reason

    assert found("ModuleNotFoundError: No module named 'flash_attn'")[0] == "module-missing"
    assert found("KeyError: 'labels'") == ("python-error", "KeyError: 'labels'")


def test_nothing_known_is_said_as_such() -> None:
    assert diagnose(None, None, "", hung=False, oom_evidence=False).id == "unseen-end"
    found = diagnose(23, None, "step 3\n", hung=False, oom_evidence=False)
    assert (found.id, found.is_worth_retrying) == ("unknown-exit", True)
    assert "exit code 23" in found.reason


@pytest.mark.parametrize("code", [0, 75])
def test_a_good_end_needs_no_diagnosis(code: int) -> None:
    assert diagnose(code, None, f"{HEAD}MemoryError", hung=False, oom_evidence=False).id == ""


@given(
    st.one_of(st.none(), st.integers(-70, 300)),
    st.one_of(st.none(), st.builds(ExitRecord, st.integers(), st.integers(), st.text(), st.text(), st.text())),
    st.text(),
    st.booleans(),
    st.booleans(),
)
def test_any_log_gives_one_printable_line(
    code: int | None, record: ExitRecord | None, log: str, has_head: bool, oom: bool
) -> None:
    found = diagnose(code, record, f"{HEAD}{log}" if has_head else log, hung=False, oom_evidence=oom)
    assert found.reason.isprintable()
    assert len(found.reason) <= 450
    assert found.id or code in (0, 75)
