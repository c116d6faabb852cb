"""The Streamlit options that keep the dashboard's server local, quiet and fast, and their flags."""

from config.settings import Settings

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - recognised, never used on our own account
MEBIBYTE = 2**20

Option = bool | int | str | list[str]


def protections(settings: Settings) -> dict[str, Option]:
    """Options that no other configuration may weaken; app.server sets them again inside the server.

    Streamlit's own defaults send usage statistics, accept any Host, show traces and link to search engines.
    """
    return {
        "browser.gatherUsageStats": False,
        "client.allowedOrigins": [],
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "server.allowedHosts": allowed_hosts(settings.host),
        "server.corsAllowedOrigins": [],
        "server.enableAgentApi": False,
        "server.enableCORS": True,
        "server.enableStaticServing": False,
        "server.enableXsrfProtection": True,
        "server.maxUploadSize": settings.max_upload_bytes // MEBIBYTE,
    }


def streamlit_options(settings: Settings) -> dict[str, Option]:
    """Every option of the server but its port.

    With an address set, Streamlit does not look up the machine's public one. Without postScriptGC=false each
    rerun of each session waits for a full garbage collection. A file watcher would give the pages a second
    container after a hot reload.
    """
    return protections(settings) | {
        "client.toolbarMode": "minimal",
        "runner.postScriptGC": False,
        "server.address": settings.host,
        "server.fileWatcherType": "auto" if settings.environment == "dev" else "none",
        "server.headless": True,
    }


def streamlit_flags(settings: Settings, port: int) -> list[str]:
    """The same as arguments of `streamlit run app/main.py`; flags win over every file and variable."""
    options = streamlit_options(settings) | {"server.port": port}
    return [flag for name, value in sorted(options.items()) for flag in _flags(name, value)]


def allowed_hosts(host: str) -> list[str]:
    """The names under which a browser may reach a server that listens on `host`.

    A server on every address cannot list its names here; app.security then compares with the address itself.
    """
    if host in ANY_ADDRESS:
        return ["*"]
    return [*LOOPBACK_NAMES, *([host] if host not in LOOPBACK_NAMES else [])]


def _flags(name: str, value: Option) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [f"--{name}={str(v).lower() if isinstance(v, bool) else v}" for v in values]
