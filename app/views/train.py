"""Train: from a preset or an empty form to a run."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st
from pydantic import ValidationError

from app.components.dataset_input import UPLOADS, dataset_input
from app.components.dataset_look import draw_dataset
from app.components.findings import draft_problems, preflight_findings
from app.components.method_cards import method_cards
from app.components.model_input import model_input
from app.components.parameter_input import field_problems, parameter_input
from app.components.recipe_form import recipe_form
from app.components.run_past import draw_order
from app.components.training_form import dataset_form, first_training_form, other_training_form, spec_form
from app.drafts import Draft, expanded, method_named, recipe_named, value_at, with_method, with_recipe, with_value
from app.links import open_view
from app.notices import attempt
from app.remembered import base, check, look, models, presets
from app.session import count_up, show_in_widget, state_manager, widget_value
from backend.data.choice import DatasetChoice
from backend.domain.actions import replace_draft
from backend.domain.run_config import RunConfig
from backend.errors import DataError
from backend.methods import Method
from backend.recipes import Recipe
from backend.services.bundle import Services
from backend.services.config_service import Problem
from backend.services.state_manager import StateManager
from backend.spec import members, parameter

DEMO = "demo"
_PRESET = "train-preset"


@dataclass(frozen=True, slots=True)
class Form:
    """The draft as it is drawn now, what is wrong with it by key, and how it is changed."""

    services: Services
    state: StateManager
    draft: Draft
    problems: Sequence[Problem]
    by_key: dict[str, list[str]]

    def change(self, key: str, value: object) -> None:
        """Set one key of the draft as it is when a widget changes."""
        self.edit(lambda draft: with_value(draft, key, value))

    def edit(self, change: Callable[[Draft], Draft]) -> None:
        """Replace the draft by what `change` makes of it, as one step."""
        self.state.update_state(lambda old: replace_draft(change(expanded(old.training.draft)))(old))


def render(services: Services) -> None:
    """The form on the left; what it amounts to, and the start, on the right."""
    form = _form(services)
    st.title("Train", anchor=False)
    _preset(form)
    left, right = st.columns([2, 1], gap="large")
    with left:
        _model(form)
        _dataset(form)
        _recipe(form)
        _method(form)
        _training(form)
    with right:
        _start(form)


def _form(services: Services) -> Form:
    state = state_manager(services)
    draft = expanded(state.state.training.draft)
    problems = services.configs.problems(draft)
    by_key: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        by_key[problem.key].append(problem.message)
    return Form(services, state, draft, problems, by_key)


def _preset(form: Form) -> None:
    known = presets(form.services)
    filled = next((name for name, preset in known.items() if preset == form.draft), None)

    def fill() -> None:
        name = widget_value(_PRESET)
        form.edit(lambda draft: known.get(name, draft))

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Preset",
            list(known),
            index=None,
            key=show_in_widget(_PRESET, filled),
            placeholder="Fill the form from a preset",
            help="Replaces everything below.",
            on_change=fill,
            width=320,
        )
        st.button(
            "Clear the form",
            icon=":material/restart_alt:",
            key="train-clear",
            disabled=not form.draft,
            on_click=form.edit,
            args=(lambda _: {},),
        )


def _model(form: Form) -> None:
    st.header("Base model", anchor=False)
    path = value_at(form.draft, "base_model.path")
    model_input(models(), path, form.change, _typed(form, "base_model.path"))


def _dataset(form: Form) -> None:
    st.header("Dataset", anchor=False)
    path = value_at(form.draft, "dataset.path")
    upload = _upload_into(form)
    dataset_input(form.services.datasets.list(), path, form.change, upload, _typed(form, "dataset.path"))
    with st.expander("Format, columns and validation", icon=":material/view_column:"):
        dataset_form(form.draft, form.change, form.by_key)
    try:
        choice = DatasetChoice.model_validate(form.draft.get("dataset", {}))
        draw_dataset(look(form.services, choice))
    except ValidationError:
        st.caption("The first rows appear here once a dataset is chosen.")
    except DataError as error:
        found = error.explain()
        field_problems([f"{found.what} {found.why}"])


def _upload_into(form: Form) -> Callable[[str], None]:
    def take(key: str) -> None:
        file = widget_value(key)
        if file is None:
            return
        stored = form.services.datasets.upload(file.name, file)
        form.change("dataset.path", stored.path)
        count_up(UPLOADS)

    return lambda key: attempt(take, key)


def _recipe(form: Form) -> None:
    st.header("Recipe", anchor=False)

    def choose(name: str) -> None:
        form.edit(lambda draft: with_recipe(draft, name))

    spec = recipe_named(value_at(form.draft, "recipe.name"))
    recipe_form(members(Recipe), spec, choose, form.draft, form.change, form.by_key)


def _method(form: Form) -> None:
    st.header("Method", anchor=False)
    spec = method_named(value_at(form.draft, "method.name"))

    def choose(name: str) -> None:
        form.edit(lambda draft: with_method(draft, name))

    method_cards(members(Method), spec.spec_name(), choose)
    spec_form(spec, "method", form.draft, form.change, form.by_key)


def _training(form: Form) -> None:
    st.header("Training", anchor=False)
    first_training_form(form.draft, form.change, form.by_key)
    with st.expander("All settings", icon=":material/tune:"):
        other_training_form(form.draft, form.change, form.by_key)


def _start(form: Form) -> None:
    st.header("Start", anchor=False)
    name = parameter("name", RunConfig.model_fields["name"])
    parameter_input(name, "name", form.draft.get("name"), form.change, form.by_key.get("name", ()))
    if form.problems:
        draft_problems(form.problems)
        _start_button(form, "Complete the form first.")
        return
    config = form.services.configs.parse(form.draft)
    place = st.container()
    report = check(form.services, config)
    with place:
        preflight_findings(report)
        _start_button(form, "Correct what is named above first." if report.errors else "")
    with st.expander("run.yaml and command", icon=":material/terminal:"):
        draw_order(form.services.configs.dump(config), "run")


def _start_button(form: Form, reason: str) -> None:
    is_demo = form.draft == presets(form.services)[DEMO]
    st.button(
        "Start the demo run" if is_demo else "Start the run",
        type="primary",
        icon=":material/play_arrow:",
        key="train-start",
        width="stretch",
        disabled=bool(reason),
        help=reason or None,
        on_click=attempt,
        args=(_launch, form),
    )
    if reason:
        st.caption(reason)


def _launch(form: Form) -> None:
    config = form.services.configs.parse(expanded(form.state.state.training.draft))
    run = form.services.training.start(config, base())
    open_view("monitor", run=run.id)


def _typed(form: Form, key: str) -> list[str]:
    """Problems of a field that holds something; what is merely missing is told beside the start button."""
    return form.by_key.get(key, []) if value_at(form.draft, key) else []
