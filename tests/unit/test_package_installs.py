"""Installing from the dashboard: only the doctor's commands, one at a time, with a log, a result and an end on request."""

import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from backend.domain.audit import Audit
from backend.executors.local import LocalExecutor
from backend.services.jobs import Job, JobState
from backend.services.package_installs import Installed, InstallRefused, PackageInstalls
from tests.fakes.clock import FakeClock
from tests.fakes.executor import FakeExecutor, Script

PYTHON = "/venv/bin/python"
COMMAND = (PYTHON, "-m", "pip", "install", "peft")


def installs(
    folder: Path,
    executor: FakeExecutor | LocalExecutor,
    why_not: str = "",
    python: str = PYTHON,
    env: Mapping[str, str] | None = None,
) -> PackageInstalls:
    return PackageInstalls(executor, folder / "logs", python, lambda: why_not, env or {})


def over(job: Job) -> Job:
    assert job.wait(120)
    return job


def writes(text: str, code: int = 0) -> Script:
    def start(command: object) -> None:
        log = getattr(command, "log")  # noqa: B009 - a Command
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text, encoding="utf-8")

    return Script(exit_code=code, lives_seconds=1.0, on_start=start)


def test_a_command_that_ends_well_is_done_and_its_log_is_shown(tmp_path: Path) -> None:
    executor = FakeExecutor(FakeClock())
    executor.scripts.append(writes("Collecting peft\nSuccessfully installed peft-0.21.2\n"))
    found = installs(tmp_path, executor, env={"PIP_INDEX_URL": "https://mirror.example", "OTHER": "x"})
    job = over(found.start(COMMAND))
    assert job.answer == Installed(COMMAND, "Successfully installed peft-0.21.2")
    assert found.lines() == ("Collecting peft", "Successfully installed peft-0.21.2")
    assert found.num_done == 1
    (started,) = executor.commands
    assert started.argv == COMMAND
    assert started.environment["PIP_INDEX_URL"] == "https://mirror.example"
    assert started.environment["PIP_NO_INPUT"] == "1"
    assert "OTHER" not in started.environment


def test_a_command_that_fails_says_its_last_words_without_secrets(tmp_path: Path) -> None:
    executor = FakeExecutor(FakeClock())
    executor.scripts.append(writes("ERROR: no match at https://me:hush-hush@mirror/simple\n", code=1))
    found = installs(tmp_path, executor)
    job = over(found.start(COMMAND))
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.id == "install-failed"
    assert "no match" in job.error.why
    assert "hush-hush" not in f"{job.error} {found.lines()}"
    executor.scripts.append(writes("Successfully installed\n"))
    assert over(found.start(COMMAND)).state is JobState.DONE  # it may be tried again


@pytest.mark.parametrize(
    "command",
    [
        ("rm", "-rf", "/"),
        ("/usr/bin/python", "-m", "pip", "install", "x"),
        (PYTHON, "-c", "print(1)"),
        (PYTHON, "-m", "http.server"),
        (PYTHON, "-m"),
        (),
    ],
)
def test_nothing_but_the_doctors_commands_is_ever_started(tmp_path: Path, command: tuple[str, ...]) -> None:
    executor = FakeExecutor(FakeClock())
    with pytest.raises(InstallRefused, match="none of the doctor's"):
        installs(tmp_path, executor).start(command)
    assert executor.commands == []


def test_what_is_forbidden_is_not_started_and_says_why(tmp_path: Path) -> None:
    executor = FakeExecutor(FakeClock())
    found = installs(tmp_path, executor, "The studio is offline.")
    assert found.obstacle() == "The studio is offline."
    with pytest.raises(InstallRefused, match="offline"):
        found.start(COMMAND)
    assert executor.commands == []


def test_one_of_another_dashboard_is_waited_for(tmp_path: Path) -> None:
    executor = FakeExecutor(FakeClock())
    executor.adoptable(tmp_path / "logs" / "install.lock", Script())
    found = installs(tmp_path, executor)
    assert "at work" in found.obstacle()
    with pytest.raises(InstallRefused):
        found.start(COMMAND)


FLASK = {"name": "flask", "version": "0.5", "vulns": [{"id": "PYSEC-2019-179", "fix_versions": ["1.0", "0.12.3"]}]}
KNOWN = {"name": "numpy", "version": "2.5.0", "vulns": []}
SKIPPED = {"name": "peft-studio", "skip_reason": "Dependency not found on PyPI and could not be audited: peft-studio"}


def printed(*packages: object, summary: str = "No known vulnerabilities found") -> str:
    """As pip-audit 2.10.1 prints: the summary to stderr, one line of JSON to stdout."""
    return f"{summary}\n{json.dumps({'dependencies': packages, 'fixes': []})}\n"


@pytest.mark.parametrize(
    ("text", "code", "sentence", "lines"),
    [
        (
            printed(FLASK, KNOWN, SKIPPED, summary="Found 1 known vulnerability in 1 package"),
            1,
            "Packages looked up: 2; known vulnerabilities: 1, in 1 of them. Not looked up: 1; of those nothing is known.",
            ("flask 0.5: PYSEC-2019-179; fixed in 1.0, 0.12.3", "peft-studio: not looked up"),
        ),
        (printed(KNOWN), 0, "Packages looked up: 1; known vulnerabilities: none.", ()),
    ],
)
def test_an_audit_tells_what_is_known_of_how_many_packages(
    tmp_path: Path, text: str, code: int, sentence: str, lines: tuple[str, ...]
) -> None:
    executor = FakeExecutor(FakeClock())
    executor.scripts.append(writes(text, code=code))
    found = installs(tmp_path, executor)
    answer = over(found.audit()).answer
    assert isinstance(answer, Audit)
    assert (answer.sentence, answer.lines()) == (sentence, lines)
    assert executor.commands[0].argv[:3] == (PYTHON, "-m", "pip_audit")
    assert found.num_done == 0  # nothing has changed, so nothing is checked again


NO_PROXY = (
    "requests.exceptions.ProxyError: HTTPSConnectionPool(host='pypi.org', port=443): Max retries exceeded with url:"
    " /pypi/numpy/2.5.0/json (Caused by ProxyError('Unable to connect to proxy'))"
)


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        (printed(SKIPPED, SKIPPED), 0, "such as a mirror or a proxy, knows none of the 2 packages"),
        (
            f"Traceback (most recent call last):\n  File ...\n{NO_PROXY}\n",
            1,
            "(pypi.org) could not be reached: requests",
        ),
        ("ERROR:pip_audit._cli:pip is broken\n", 1, "ended with code 1. Its last words: ERROR:pip_audit._cli:pip is"),
        ("", -9, "ended with code -9. Its last words: nothing"),
        ('{"dependencies": [{"version": "1"}]}\n', 0, "ended with code 0"),
    ],
)
def test_an_audit_without_a_result_never_looks_like_one_that_found_nothing(
    tmp_path: Path, text: str, code: int, reason: str
) -> None:
    executor = FakeExecutor(FakeClock())
    executor.scripts.append(writes(text, code=code))
    job = over(installs(tmp_path, executor).audit())
    assert job.state is JobState.FAILED
    assert job.error is not None
    assert job.error.id == "audit-failed"
    assert "whether there are any is not known" in job.error.what
    assert reason in job.error.why


def test_an_audit_is_not_started_while_the_studio_is_offline(tmp_path: Path) -> None:
    executor = FakeExecutor(FakeClock())
    with pytest.raises(InstallRefused, match="offline"):
        installs(tmp_path, executor, "The studio is offline.").audit()
    assert executor.commands == []


def tiny_wheel(folder: Path) -> Path:
    """A wheel by hand: one module and the metadata that pip asks for (PEP 427)."""
    files = {
        "tiny_studio_wheel.py": "ANSWER = 42\n",
        "tiny_studio_wheel-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-studio-wheel\nVersion: 1.0\n",
        "tiny_studio_wheel-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / "tiny_studio_wheel-1.0-py3-none-any.whl"
    record = "tiny_studio_wheel-1.0.dist-info/RECORD"
    with zipfile.ZipFile(path, "w") as packed:
        lines = []
        for name, text in files.items():
            packed.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text)}")
        packed.writestr(record, "\n".join([*lines, f"{record},,", ""]))
    return path


@pytest.mark.process
def test_a_real_wheel_is_installed_into_a_real_folder(tmp_path: Path) -> None:
    tiny_wheel(tmp_path)
    found = installs(tmp_path, LocalExecutor(), python=sys.executable)
    target = tmp_path / "target"
    words = ("--no-index", "--find-links", str(tmp_path), "--target", str(target), "tiny-studio-wheel")
    job = over(found.start((sys.executable, "-m", "pip", "install", *words)))
    assert job.state is JobState.DONE, (job.error, found.lines())
    assert "Successfully installed tiny-studio-wheel-1.0" in "\n".join(found.lines())
    assert (target / "tiny_studio_wheel.py").read_text() == "ANSWER = 42\n"
    missing = over(found.start((sys.executable, "-m", "pip", "install", *words[:-1], "no-such-package-here")))
    assert missing.state is JobState.FAILED
    assert missing.error is not None
    assert "no-such-package-here" in missing.error.why
    assert found.num_done == 2
    assert found.obstacle() == ""


def test_ending_asks_first_and_insists_later(tmp_path: Path) -> None:
    executor = FakeExecutor(FakeClock())
    found = installs(tmp_path, executor)
    executor.scripts.append(Script(on_term=None, on_wait=lambda: found.jobs.forget(("install",))))
    job = over(found.start(COMMAND))
    assert job.state is JobState.CANCELLED
    assert [call for call in executor.calls if call in {"terminate", "kill"}] == ["terminate", "kill"]
