"""The server's options: the same as flags and in .streamlit/config.toml, and known to Streamlit."""

import tomllib
from pathlib import Path

import pytest
from streamlit import config as streamlit_config

from config.server_flags import allowed_hosts, protections, streamlit_flags, streamlit_options
from config.settings import Settings

TOML = Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml"


def in_file() -> dict[str, object]:
    sections = tomllib.loads(TOML.read_text(encoding="utf-8"))
    return {
        f"{section}.{name}": value
        for section, options in sections.items()
        if section != "theme"
        for name, value in options.items()
    }


def test_the_file_says_what_the_flags_say() -> None:
    assert in_file() == streamlit_options(Settings()) | {"server.port": Settings().port}


@pytest.mark.parametrize("name", streamlit_options(Settings()))
def test_streamlit_knows_every_option(name: str) -> None:
    assert name in streamlit_config._config_options_template


def test_flags_are_words_of_the_command_line() -> None:
    flags = streamlit_flags(Settings(), 8600)
    assert "--server.port=8600" in flags
    assert "--server.address=127.0.0.1" in flags
    assert "--browser.gatherUsageStats=false" in flags
    assert "--server.allowedHosts=localhost" in flags
    assert "--server.allowedHosts=::1" in flags
    assert all(flag.startswith("--") and "=" in flag for flag in flags)


def test_only_development_watches_files() -> None:
    assert streamlit_options(Settings(environment="prod"))["server.fileWatcherType"] == "none"
    assert streamlit_options(Settings(environment="dev"))["server.fileWatcherType"] == "auto"


def test_no_profile_weakens_the_protections() -> None:
    assert protections(Settings(environment="dev", debug=True)) == protections(Settings())


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("127.0.0.1", ["localhost", "127.0.0.1", "::1"]),
        ("localhost", ["localhost", "127.0.0.1", "::1"]),
        ("gpu-box.lan", ["localhost", "127.0.0.1", "::1", "gpu-box.lan"]),
        ("0.0.0.0", ["*"]),
        ("::", ["*"]),
    ],
)
def test_allowed_hosts_follow_the_address(host: str, names: list[str]) -> None:
    assert allowed_hosts(host) == names


def test_uploads_never_exceed_the_setting() -> None:
    limit = streamlit_options(Settings(max_upload_bytes=10 * 2**20 + 5))["server.maxUploadSize"]
    assert limit == 10
