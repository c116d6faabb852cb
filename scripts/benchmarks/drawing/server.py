"""The app that the curve benchmark measures: our routes and protection around a page with one chart."""

import streamlit as st

from app.server import lifespan, middleware, routes
from config.settings import Settings

app = st.App("page.py", routes=routes(), middleware=middleware(Settings()), lifespan=lifespan)
