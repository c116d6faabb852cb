"""peft-studio ui: serve the dashboard."""

import errno
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from backend.cli.context import of
from backend.errors import ConfigurationError, ProcessError
from config.server_flags import streamlit_flags

PORTS_TRIED = 11


class PortsTaken(ProcessError):
    """No free port in the range."""

    id = "ports-taken"
    what = "The dashboard could not be served."
    why = "The ports {first} to {last} are all taken."
    fix = "Give a free one: peft-studio ui --port N"


class AddressUnusable(ConfigurationError):
    """A host that is no address of this machine."""

    id = "address-unusable"
    what = "The dashboard could not be served on {host}."
    why = "The system says: {reason}."
    fix = "Set PEFT_STUDIO_HOST to an address of this machine, or remove it to use 127.0.0.1."


def ui(
    ctx: typer.Context,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="First port tried; the ten after it follow.")
    ] = None,
) -> None:
    """Serve the dashboard and print its address. Ctrl-C ends it; training goes on."""
    settings = of(ctx).settings
    chosen = _free_port(settings.host, port or settings.port)
    spec = find_spec("app")
    assert spec is not None
    assert spec.origin is not None
    main = Path(spec.origin).parent / "main.py"
    typer.echo(f"PEFT Studio is at http://{_shown(settings.host)}:{chosen}  (Ctrl-C ends it; training goes on)")
    os.environ.update(settings.as_environment())  # the server starts in another folder, with another studio.toml
    command = [sys.executable, "-m", "streamlit", "run", str(main), *streamlit_flags(settings, chosen)]
    os.chdir(main.parent.parent)
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - a list of our own words, no shell


def _free_port(host: str, first: int) -> int:
    for port in range(first, min(first + PORTS_TRIED, 65536)):
        if _is_free(host, port):
            return port
        typer.echo(f"Port {port} is in use. Trying the next one ...", err=True)
    raise PortsTaken(first=first, last=first + PORTS_TRIED - 1)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise AddressUnusable(host=host, reason=error.strerror or error) from error
    return True


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
