"""The memory of the run in the form: drawn at once with what is known, and again when more is."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.components.memory_panel import measuring_button, measuring_state, memory_panel
from app.notices import attempt, draw_again
from app.remembered import base
from app.train_form import Form
from backend.domain.memory_fit import Forecasting
from backend.domain.run_config import RunConfig
from backend.services.jobs import Job

WAIT_SECONDS = 0.5  # between two looks; a click in between is heard
MOST_LOOKS = 2400
NOT_HERE = "The files of the base model are not on this machine yet."
TRACING = "A step is being traced on the layer shapes of this model."
SEVERAL = "Several processes train this run; three steps of one do not tell what they take."


def draw_memory(form: Form, config: RunConfig) -> DeltaGenerator:
    """The forecast as far as it is known, and the button to measure; the place of what is drawn again."""
    st.subheader("Memory", anchor=False)
    place = st.empty()
    known, job = form.services.memory_forecasts.look(config, base()), _job(form, config)
    _draw(form, config, known, job, place)
    reason = SEVERAL if config.devices.processes > 1 else "" if _may_ask(form, config) else NOT_HERE
    measuring_button(job, lambda: attempt(_measure, form, config), reason)
    return place


def memory_now(form: Form, config: RunConfig, place: DeltaGenerator) -> None:
    """Have it forecast, and draw what is known of it by now."""
    if _may_ask(form, config):
        known = form.services.memory_forecasts.ask(config, base(), 0)
        _draw(form, config, known, _job(form, config), place)


def memory_on(form: Form, config: RunConfig, place: DeltaGenerator) -> None:
    """Wait for the forecast and for what is being measured; left at once by a click.

    The last thing on the page. Where measuring has ended the whole page is drawn anew.
    """
    forecasts = form.services.memory_forecasts
    job = _job(form, config)
    was_running = job is not None and job.is_running
    if not _may_ask(form, config):
        return
    for _ in range(MOST_LOOKS):
        known = forecasts.ask(config, base(), WAIT_SECONDS)
        _draw(form, config, known, job, place)
        is_running = job is not None and job.is_running
        if was_running and not is_running:
            draw_again()
        if job is not None and is_running and known.is_settled:
            job.wait(WAIT_SECONDS)
        if known.is_settled and not is_running:
            break


def _draw(form: Form, config: RunConfig, known: Forecasting, job: Job | None, place: DeltaGenerator) -> None:
    with place.container():
        memory_panel(known, waits_for=TRACING if _may_ask(form, config) else NOT_HERE)
        measuring_state(job)


def _may_ask(form: Form, config: RunConfig) -> bool:
    """Whether the model's files are here: nothing is fetched for a forecast."""
    return form.services.counts.model(config.base_model.path, config.base_model.revision, base()) is not None


def _job(form: Form, config: RunConfig) -> Job | None:
    return form.services.measuring.job(config, base())


def _measure(form: Form, config: RunConfig) -> None:
    form.services.measuring.start(config, base())
