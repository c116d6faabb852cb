"""The dashboard in two roles: imported by the server it is the ASGI app, executed as a script it draws.

Run by `streamlit run app/main.py`. Streamlit finds the app by reading this file for a literal `st.App(...)`.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if get_script_run_ctx(suppress_warning=True) is None:
    from app.logs import set_up_logging
    from app.server import lifespan, middleware, protect, routes
    from config.settings import Settings

    settings = Settings()
    set_up_logging(settings)
    protect(settings)
    app = st.App(__file__, routes=routes(), middleware=middleware(settings), lifespan=lifespan)
else:
    from app.shell import render

    render()
