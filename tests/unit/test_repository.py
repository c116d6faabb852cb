"""Rules of the house that no linter knows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for folder in ("app", "backend", "config", "scripts") for path in (ROOT / folder).rglob("*.py"))
MAX_LINES = 300


def tracked() -> list[str]:
    """What git keeps; every file of the tree where there is no git."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S607
    return done.stdout.splitlines()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_longer_than_a_person_reads(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_no_cache_build_or_report_is_tracked() -> None:
    pattern = re.compile(
        r"(^|/)(\.hypothesis|__pycache__|\.pytest_cache|\.mypy_cache|\.venv|dist|release|build)/|_(COMPLETE|STATUS|SUMMARY)\.md$"
    )
    assert [name for name in tracked() if pattern.search(name)] == []


def test_nothing_runs_strings_or_unpickles() -> None:
    """No shell, no eval, no pickle, no code of strangers; one place runs a file whose bytes a person consented to."""
    forbidden = re.compile(
        r"shell=True|os\.system\(|(?<![\w.])eval\(|(?<![\w.])exec\(|pickle\.load|yaml\.load\(|trust_remote_code=True|verify=False"
    )
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if forbidden.search(line) and not line.lstrip().startswith("#")
    ]
    assert [place.partition(":")[0] for place in found] == ["backend/trainer/rewards.py"]


def test_every_model_load_refuses_remote_code() -> None:
    """Each Auto*.from_pretrained says trust_remote_code=False, or gets it by **."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func).startswith("Auto")
                and ast.unparse(node.func).endswith("from_pretrained")
            ):
                names = [keyword.arg for keyword in node.keywords]
                if "trust_remote_code" not in names and None not in names:
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []


def test_session_state_is_touched_in_one_place_only() -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    }
    assert users <= {"app/session.py"}


def test_no_service_object_lives_at_module_level() -> None:
    """Modules define; only the container builds."""
    found = []
    for path in sorted((ROOT / "backend" / "services").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                name = ast.unparse(node.value.func)
                if name[:1].isupper() and name not in ("TypeVar", "ParamSpec"):
                    found.append(f"{path.name}: {ast.unparse(node)}")
    assert found == []


def test_no_private_host_or_path_is_written_down() -> None:
    pattern = re.compile(r"file:/{3}[a-z]|/work/(main|shared)|index-url|hf_[A-Za-z0-9]{20,}|sk-[A-Za-z0-9]{20,}")
    texts = [
        ROOT / name
        for name in tracked()
        if Path(name).suffix in (".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", "")
    ]
    found = [
        str(path.relative_to(ROOT))
        for path in texts
        if path.is_file()
        and path != Path(__file__).resolve()
        and pattern.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []


def test_errors_reach_people_by_one_way() -> None:
    """No page catches everything by itself: ErrorHandler's edges do, in app/frame.py, app/notices.py and app/server.py."""
    broad = {"Exception", "BaseException"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("views", "components")
        for path in sorted((ROOT / "app" / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and (node.type is None or ast.unparse(node.type) in broad)
    ]
    assert found == []
    edges = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "app").rglob("*.py")
        if "Edge(" in path.read_text(encoding="utf-8")
    }
    assert edges == {"app/frame.py", "app/notices.py", "app/server.py"}
