"""Choosing what is optimised, with the knobs of the choice."""

from collections.abc import Callable, Sequence

import streamlit as st

from app.components.markdown_escape import escape
from app.components.parameter_input import Change, field_problems
from app.components.training_form import Draft, Problems, spec_form
from app.drafts import value_at
from app.session import show_in_widget, widget_value
from backend.recipes.rewards import REWARDS, RewardSpec
from backend.spec import Spec

_WIDGET = "draft-recipe.name"


def recipe_form(
    specs: Sequence[type[Spec]],
    spec: type[Spec],
    choose: Callable[[str], None],
    draft: Draft,
    change: Change,
    problems: Problems,
) -> None:
    """The recipes by title, when to use the chosen one, and its knobs; `choose(name)` is called on a change."""
    titles = {each.spec_name(): each.card.title for each in specs}
    st.selectbox(
        "What is optimised",
        list(titles),
        format_func=lambda name: titles.get(name, name),
        key=show_in_widget(_WIDGET, spec.spec_name()),
        on_change=lambda: choose(str(widget_value(_WIDGET))),
    )
    st.caption(escape(f"{spec.card.summary} {spec.card.use_when}"))
    spec_form(spec, "recipe", draft, change, problems)
    if "rewards" in spec.model_fields:
        field_problems(problems.get("recipe.rewards", ()))
        for reward in REWARDS:
            _reward(reward, draft, change, problems)


def _reward(spec: type[RewardSpec], draft: Draft, change: Change, problems: Problems) -> None:
    """A switch for a reward function, and its knobs where it is on."""
    key = f"recipe.rewards.{spec.spec_name()}"
    widget = f"draft-{key}"
    is_on = value_at(draft, key) is not None
    st.toggle(
        f"Reward: {escape(spec.card.title)}",
        key=show_in_widget(widget, is_on),
        help=escape(f"{spec.card.summary} {spec.card.use_when}"),
        on_change=lambda: change(key, {} if widget_value(widget) else None),
    )
    if is_on:
        field_problems(problems.get(key, ()))
        spec_form(spec, key, draft, change, problems)
