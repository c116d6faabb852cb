"""Known vulnerabilities on the Machine page: asked for by two clicks, and never taken for none where nothing is known."""

import pytest
from dependency_injector import providers
from streamlit.testing.v1 import AppTest

from app.sections.dependencies import AUDIT
from backend.containers import StudioContainer
from backend.domain.ports import Command
from tests.app.conftest import open_page
from tests.fakes.executor import FakeExecutor, Script
from tests.fakes.machine import FakePackages

AUDITED = (
    '{"dependencies": [{"name": "flask", "version": "0.5", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.0"]}]},'
    ' {"name": "mine", "skip_reason": "not found"}], "fixes": []}'
)


def auditable(studio: StudioContainer, printed: str, code: int) -> FakeExecutor:
    """A studio with pip-audit, and what that will print."""
    studio.packages.override(providers.Object(FakePackages({"pip": "26.1", "pip-audit": "2.10.1"}, ())))
    executor = studio.executor()
    assert isinstance(executor, FakeExecutor)

    def audit(command: Command) -> None:
        command.log.parent.mkdir(parents=True, exist_ok=True)
        command.log.write_text(printed)

    executor.scripts.append(Script(exit_code=code, on_start=audit, lives_seconds=1))
    return executor


def choose_the_audit(at: AppTest) -> None:
    if "install-choice" not in [box.key for box in at.selectbox]:
        at.session_state["machine-dependencies"] = True
        at.run()
    at.selectbox(key="install-choice").set_value(AUDIT).run()


def test_vulnerabilities_are_looked_up_by_two_clicks_and_never_without(
    studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    executor = auditable(studio, AUDITED, code=1)
    at = open_page("machine")
    choose_the_audit(at)
    at.button(key="install-ask").click().run()
    assert any("asks a service on the network" in text.value for text in at.markdown)
    assert executor.commands == [], "looking, choosing and one click start nothing"
    at.button(key="install-yes").click().run()
    job = studio.services().installs.job()
    assert job is not None
    assert job.wait(60)
    assert [each.argv[1:3] for each in executor.commands] == [("-m", "pip_audit")]
    at.run()
    assert not at.exception
    assert any(
        "Packages looked up: 1; known vulnerabilities: 1, in 1 of them." in text.value.replace("\\", "")
        for text in at.warning
    )
    assert "flask 0.5: PYSEC-1; fixed in 1.0\nmine: not looked up" in [code.value for code in at.code]
    at.run()
    assert len(executor.commands) == 1


def test_an_audit_without_a_line_says_that_nothing_is_known(
    studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    auditable(studio, "requests.exceptions.ConnectionError: Failed to establish a new connection\n", code=1)
    job = studio.services().installs.audit()
    assert job.wait(60)
    at = open_page("machine")
    assert not at.exception
    told = "\n".join(text.value for text in at.error).replace("\\", "")
    assert "whether there are any is not known" in told
    assert "The service (pypi.org) could not be reached" in told
    assert at.success == [] or not any("Done" in text.value for text in at.success)


def test_offline_the_page_says_that_nothing_is_known_and_starts_nothing(
    studio: StudioContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    executor = auditable(studio, AUDITED, code=1)
    at = open_page("machine")
    choose_the_audit(at)
    assert "install-ask" not in [button.key for button in at.button]
    told = "\n".join(text.value for text in at.caption).replace("\\", "")
    assert "The studio is offline. Whether there are known vulnerabilities is not known." in told
    assert executor.commands == []
