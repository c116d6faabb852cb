"""app/main.py in both of its roles, as far as that can be seen without a server."""

from pathlib import Path

import pytest
from streamlit.web.server.app_discovery import discover_asgi_app

MAIN = Path(__file__).resolve().parents[2] / "app" / "main.py"


def test_streamlit_finds_the_literal_app() -> None:
    found = discover_asgi_app(MAIN)
    assert found.is_asgi_app
    assert found.import_string == "main:app"


@pytest.mark.parametrize("name", ["pages", "config.py", "backend.py", "streamlit.py"])
def test_nothing_beside_main_shadows_a_package_or_becomes_a_page(name: str) -> None:
    assert not (MAIN.parent / name).exists()
