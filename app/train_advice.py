"""Advice on the form: changes that make the run fit or faster, and settings that suit model, rows and machine."""

import streamlit as st

from app.components.fit_advice import TITLES, ask_button, fit_advice
from app.components.job_box import answer_of
from app.components.lazy import lazy_expander
from app.components.suggestions import suggestions_table
from app.drafts import with_values
from app.notices import attempt, draw_again
from app.remembered import base, profiles
from app.session import note, noted
from app.train_form import Form
from backend.domain.memory_levers import Changes
from backend.domain.run_config import RunConfig

WAIT_SECONDS = 0.5  # between two looks at the forecasting program; a click in between is heard
MOST_LOOKS = 2_400
_ASKED = "train-advice-asked"


def draw_advice(form: Form, config: RunConfig) -> bool:
    """What is known to help, and a button where looking for more takes a processor's time; whether it was known."""
    advice = form.services.advice.fit.look(config, base())
    if advice is None or advice.now is None:  # without a forecast of the order itself there is nothing to say
        return False
    fit_advice(config, advice, lambda changes: _apply(form, changes))
    if not advice.is_over and not _is_asked(config):
        ask_button(advice.goal, lambda: note(_ASKED, config.model_dump_json()))
    return True


def advice_on(form: Form, config: RunConfig, *, was_known: bool) -> None:
    """Draw what became known meanwhile, and go on with a search that was asked for.

    The last thing on the page, and left at once by a click.
    """
    known = form.services.advice.fit.look(config, base())
    if known is None or known.now is None:
        return
    if not was_known and known.goal in TITLES:
        draw_again()
    if known.is_over or not _is_asked(config):
        return
    told = st.empty()
    for _ in range(MOST_LOOKS):
        advice = form.services.advice.fit.ask(config, base(), WAIT_SECONDS)
        if advice is None or advice.is_over or advice.proposals != known.proposals:
            draw_again()
            return
        told.caption(f"Forecast {advice.num_forecasts + 1} of a changed order is being made.")


def draw_suggestions(form: Form) -> None:
    """Settings that suit what is known, each with its reason."""
    with lazy_expander("Suggest settings", ":material/auto_awesome:", "train-suggest") as is_open:
        if is_open:
            if form.config is None:
                st.caption("Complete the form first: suggestions are drawn from a valid order.")
            else:
                _suggestions(form, form.config)


def _suggestions(form: Form, config: RunConfig) -> None:
    lengths = form.services.advice.lengths
    job = lengths.job(config, base())
    if job is None:
        st.button(
            "Look at the rows' lengths",
            icon=":material/straighten:",
            key="train-suggest-lengths",
            help="Cuts up to 1,000 rows into the model's tokens, beside the page; then a length is suggested, too.",
            on_click=attempt,
            args=(lengths.ask, config, base()),
        )
    else:
        answer_of(job, lambda: lengths.ask(config, base()), "suggest-lengths")
    profile = profiles().get(form.basis_name) if form.is_of_profile else None
    found = form.services.advice.defaults.suggest(config, base(), lengths.look(config, base()), profile)
    suggestions_table(found, lambda changes: _apply(form, changes))


def _apply(form: Form, changes: Changes) -> None:
    form.edit(lambda draft: with_values(draft, changes))


def _is_asked(config: RunConfig) -> bool:
    return bool(noted(_ASKED) == config.model_dump_json())
