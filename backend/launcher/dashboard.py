"""How the dashboard's server is called."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from backend.launcher.manager import ServerCommand
from config.server_flags import streamlit_flags
from config.settings import Settings


def dashboard(settings: Settings, port: int) -> ServerCommand:
    """`streamlit run app/main.py` with these very settings, from the folder of our Streamlit configuration."""
    spec = find_spec("app")
    assert spec is not None
    assert spec.origin is not None
    main = Path(spec.origin).parent / "main.py"
    argv = (sys.executable, "-m", "streamlit", "run", str(main), *streamlit_flags(settings, port))
    # the last lines before a kill are the ones that matter, and a crash in a compiled library names its Python line
    told = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    return ServerCommand(argv, main.parent.parent, {**os.environ, **settings.as_environment(), **told})
