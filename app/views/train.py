"""Train: from a use case, a preset, a run or nothing to a started run, or to a sweep of them."""

from collections.abc import Callable, Sequence

import streamlit as st
from pydantic import ValidationError

from app.components.all_settings import all_settings
from app.components.chat_consent import make_way
from app.components.dataset_input import UPLOADS, dataset_input
from app.components.dataset_look import draw_dataset
from app.components.draft_banner import draft_banner
from app.components.findings import draft_problems, preflight_findings
from app.components.markdown_escape import escape
from app.components.method_picker import method_picker
from app.components.model_input import model_input
from app.components.parameter_input import field_problems, parameter_input
from app.components.preset_dialog import preset_dialog
from app.components.recipe_form import recipe_form
from app.components.start_from import IMPORTS, import_input, preset_input, profile_reasons, use_case_input
from app.components.training_form import dataset_form, first_training_form, method_form
from app.drafts import expanded, method_named, recipe_named, value_at, with_method, with_recipe
from app.links import open_view
from app.notices import attempt, say
from app.remembered import base, check, look, method_reasons, models, preset_tags, presets, profiles
from app.sections.hub_search import hub_search
from app.session import count_up, widget_value
from app.train_advice import advice_on, draw_advice, draw_suggestions
from app.train_form import Form, accept, fill_from_profile, form_of, is_accepted
from app.train_memory import draw_memory, memory_now, memory_on
from app.train_presets import manage_presets
from app.train_side import count_on, draw_cost, draw_difference, draw_sweep, draw_yaml
from backend.data.choice import DatasetChoice
from backend.domain.run_config import RunConfig
from backend.errors import DataError
from backend.methods import Method
from backend.recipes import Recipe
from backend.services.bundle import Services
from backend.services.config_service import preset_of
from backend.services.own_presets import suggested_name
from backend.spec import members, parameter

DEMO = "demo"


def render(services: Services) -> None:
    """The form on the left; what it amounts to, and the start, on the right."""
    form = form_of(services)
    st.title("Train", anchor=False)
    _unfinished(form)
    _begin(form)
    left, right = st.columns([2, 1], gap="large")
    with left:
        _model(form)
        _dataset(form)
        _recipe(form)
        _method(form)
        _training(form)
        draw_sweep(form)
    with right:
        _start(form)


def _unfinished(form: Form) -> None:
    drafts, present = form.services.drafts, form.training.draft_id
    found = drafts.unfinished()
    came_back = next((one for one in found if one.id == present and not is_accepted(present)), None)

    def go_on(draft_id: str) -> None:
        drafts.resume(form.state, draft_id)
        accept(draft_id)

    def discard(draft_id: str) -> None:
        drafts.discard(draft_id)
        if draft_id == form.training.draft_id:
            form.begin({})

    others = [one for one in found if one.id != present]
    draft_banner(
        came_back,
        others,
        drafts.now(),
        go_on=lambda draft_id: attempt(go_on, draft_id),
        accept=accept,
        discard=lambda draft_id: attempt(discard, draft_id),
    )


def _begin(form: Form) -> None:
    """What the form begins with."""
    known = presets(form.services)
    basis = form.training.basis

    def fill(name: str) -> None:
        if name in known:
            form.begin(known[name], f"preset:{name}")

    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = form.basis_name if form.is_of_profile else None
        use_case_input(profiles(), chosen, lambda name: fill_from_profile(form.state, name))
        filled = form.basis_name if basis.startswith("preset:") and form.is_pristine else None
        preset_input(preset_tags(form.services), filled, fill)
        import_input(lambda key: attempt(_import, form, key))
        st.button(
            "Save as preset",
            icon=":material/bookmark_add:",
            key="train-save-preset",
            disabled=form.config is None,
            help="Complete the form first." if form.config is None else None,
            on_click=_save_preset,
            args=(form,),
        )
        st.button("Presets", icon=":material/bookmarks:", key="train-presets", on_click=manage_presets, args=(form,))
        st.button(
            "Clear",
            icon=":material/restart_alt:",
            key="train-clear",
            disabled=not form.draft,
            help="Empties the form; an unfinished one is kept.",
            on_click=form.begin,
            args=({},),
        )
    if form.is_of_profile and form.basis_name in profiles():
        profile_reasons(profiles()[form.basis_name])


def _import(form: Form, key: str) -> None:
    file = widget_value(key)
    if file is None:
        return
    text = file.getvalue().decode("utf-8-sig", errors="replace")
    draft, unknown = form.services.configs.draft_from(text, file.name)
    form.begin(expanded(draft))
    count_up(IMPORTS)
    if unknown:
        say(f"{file.name} fills the form but for {len(unknown)} keys: {'; '.join(map(str, unknown))}.")
    else:
        say(f"{file.name} fills the form.")


def _save_preset(form: Form) -> None:
    config = form.config
    assert config is not None, "the button is off"

    def save(name: str, without: Sequence[str], replaces: bool, tags: Sequence[str]) -> None:
        path = form.services.configs.save_preset(name, config, without=without, replaces=replaces, tags=tags)
        say(f"The preset {name} was made. Its file is {path}.")

    preset_dialog(
        config,
        suggested_name(config.name),
        is_taken=lambda name: name in presets(form.services),
        preview=preset_of,
        save=lambda *facts: attempt(save, *facts),
    )


def _model(form: Form) -> None:
    st.header("Base model", anchor=False)
    path = value_at(form.draft, "base_model.path")
    model_input(models(), path, form.change, form.typed("base_model.path"))
    with st.popover("Search the hub", icon=":material/travel_explore:", key="train-hub", width=200):
        hub_search(form.services, "model", "train", "Take it", lambda chosen: form.change("base_model.path", chosen))


def _dataset(form: Form) -> None:
    st.header("Dataset", anchor=False)
    path = value_at(form.draft, "dataset.path")
    upload = _upload_into(form)
    dataset_input(form.services.datasets.list(), path, form.change, upload, form.typed("dataset.path"))
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
    path, revision = value_at(form.draft, "base_model.path"), value_at(form.draft, "base_model.revision")
    model = form.services.counts.model(path, revision, base()) if isinstance(path, str) and path else None
    reasons = method_reasons(form.services, form.draft, model.model_type if model else "")
    method_picker(members(Method), spec, reasons, lambda name: form.edit(lambda draft: with_method(draft, name)))
    st.subheader(f"Settings of {escape(spec.card.title)}", anchor=False)
    method_form(spec, form.draft, form.change, form.by_key)


def _training(form: Form) -> None:
    st.header("Training", anchor=False)
    draw_suggestions(form)
    first_training_form(form.draft, form.change, form.by_key)
    all_settings(form.draft, form.change, form.by_key)


def _start(form: Form) -> None:
    st.header("Start", anchor=False)
    name = parameter("name", RunConfig.model_fields["name"])
    parameter_input(name, "name", form.draft.get("name"), form.change, form.by_key.get("name", ()))
    config = form.config
    if config is None:
        draft_problems(form.problems)
        _start_button(form, "Complete the form first.")
        draw_difference(form)
        return
    place = st.container()
    report = check(form.services, config)
    with place:
        _chat(form, config)
        preflight_findings(report)
        _start_button(form, "Correct what is named above first." if report.errors else "")
    cost = draw_cost(form, config, report)
    memory = draw_memory(form, config)
    is_advised = draw_advice(form, config)
    draw_difference(form)
    draw_yaml(form, config)
    count_on(form, config, report, cost, lambda: memory_now(form, config, memory))
    memory_on(form, config, memory)
    advice_on(form, config, was_known=is_advised)


def _chat(form: Form, config: RunConfig) -> None:
    chat = form.services.chat
    status = chat.status()
    if status.is_loaded and form.services.chat_place.is_shared(status.device, config.devices):
        make_way(status, lambda: attempt(chat.unload))


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
    config = form.services.configs.parse(expanded(form.training.draft))
    run = form.services.training.start(config, base())
    form.services.drafts.finish(form.state)
    open_view("monitor", run=run.id)
