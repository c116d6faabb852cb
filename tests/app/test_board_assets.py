"""The board's files are served at an address that names their content, and nothing beside them is."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.board_assets import OWN, board_script
from app.server import middleware, routes
from config.settings import Settings

NODE = shutil.which("node")


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = Starlette(routes=routes(), middleware=middleware(Settings()))
    with TestClient(app, base_url="http://localhost:8000", client=("127.0.0.1", 50_000)) as client:
        yield client


def test_every_file_of_the_board_is_served_and_may_be_kept(client: TestClient) -> None:
    folder = board_script().removesuffix("board.js")
    for path in OWN.iterdir():
        answer = client.get(folder + path.name)
        assert answer.status_code == 200
        assert answer.text == path.read_text()
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_uplot_comes_from_its_package_as_a_module(client: TestClient) -> None:
    folder = board_script().removesuffix("board.js")
    script = client.get(folder + "uPlot.js").text
    assert "uPlot.js (μPlot)" in script
    assert script.endswith("\nexport default uPlot;\n")
    assert ".uplot" in client.get(folder + "uPlot.css").text


def test_the_browser_does_not_keep_what_it_asked_for_by_an_old_address(client: TestClient) -> None:
    answer = client.get("/studio/board/0123456789abcdef/board.js")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "name",
    [
        "server.py",
        "../../server.py",
        "..%2f..%2fserver.py",
        "%2e%2e/%2e%2e/server.py",
        "..",
        "",
        "BOARD.JS",
    ],
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    answer = client.get(board_script().removesuffix("board.js") + name)
    assert answer.status_code == 404
    assert "import" not in answer.text


def test_scripts_never_make_markup_of_text() -> None:
    for path in OWN.parent.rglob("*.js"):
        text = path.read_text()
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert word not in text, (path.name, word)


def test_modules_stay_short() -> None:
    for path in OWN.parent.rglob("*.*"):
        assert len(path.read_text().splitlines()) <= 300, path.name


def test_an_installed_package_has_the_files() -> None:
    import tomllib

    told = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert "assets/**/*" in told["tool"]["setuptools"]["package-data"]["app"]


@pytest.mark.skipif(NODE is None, reason="there is no node to read scripts with; browser tests do")
def test_scripts_can_be_read(tmp_path: Path) -> None:
    assert NODE is not None
    for path in OWN.parent.rglob("*.js"):
        module = tmp_path / f"{path.stem}.mjs"
        module.write_text(path.read_text())
        found = subprocess.run([NODE, "--check", str(module)], capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
