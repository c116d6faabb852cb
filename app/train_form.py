"""The form of the Train view: the draft as it is drawn now, what is wrong with it, and how it is changed."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from app import train_address
from app.components.error_box import error_box
from app.drafts import Draft, expanded, value_at, with_value, with_values
from app.remembered import order_as_draft, presets, profiles
from app.session import note, noted, state_manager
from backend.domain.actions import replace_draft, revise_draft, set_basis
from backend.domain.application_state import TrainingState
from backend.domain.run_config import RunConfig
from backend.errors import StudioError
from backend.services.bundle import Services
from backend.services.config_service import Problem
from backend.services.state_manager import StateManager

PATHS = {"dataset": "dataset.path", "model": "base_model.path"}
_OWN = "train-own-draft"


@dataclass(frozen=True, slots=True)
class Form:
    """`basis` is the draft that it was filled from, None if it was not; `config` is None while there are problems."""

    services: Services
    state: StateManager
    draft: Draft
    problems: Sequence[Problem]
    by_key: Mapping[str, Sequence[str]]
    basis: Draft | None
    config: RunConfig | None

    @property
    def training(self) -> TrainingState:
        """What the session keeps of it now."""
        return self.state.state.training

    @property
    def basis_name(self) -> str:
        """The name of the preset, use case or run that it was filled from."""
        return self.training.basis.partition(":")[2]

    @property
    def is_of_profile(self) -> bool:
        """Whether a use case filled it."""
        return self.training.basis.startswith("profile:")

    @property
    def is_pristine(self) -> bool:
        """Whether it says nothing that its basis does not."""
        return self.draft == self.basis

    def change(self, key: str, value: object) -> None:
        """Set one key of the draft as it is when a widget changes."""
        self.edit(lambda draft: with_value(draft, key, value))

    def edit(self, change: Callable[[Draft], Draft]) -> None:
        """Make of the draft what `change` makes of it, as one step."""
        self.state.update_state(revise_draft(lambda draft: change(expanded(draft))))

    def begin(self, draft: Draft, basis: str = "") -> None:
        """Show another form; the present one is among the unfinished ones if it holds anything of one's own."""
        self.state.update_state(replace_draft(draft, basis))

    def typed(self, key: str) -> Sequence[str]:
        """Problems of a field that holds something; what is merely missing is told beside the start button."""
        return self.by_key.get(key, ()) if value_at(self.draft, key) else ()


def form_of(services: Services) -> Form:
    """The session's form, after what the address asks for was done, and kept."""
    state = state_manager(services)
    if asked := train_address.arrived():
        _arrive(services, state, asked)
    draft = expanded(state.state.training.draft)
    basis = _basis(services, state.state.training.basis)
    mark = state.state.training.draft_mark
    services.drafts.keep(state, is_pristine=draft == basis)
    if state.state.training.draft_mark != mark:
        accept(state.state.training.draft_id)
    train_address.keep(state.state.training, is_pristine=draft == basis)
    problems = services.configs.problems(draft)
    by_key: dict[str, list[str]] = defaultdict(list)
    for problem in problems:
        by_key[problem.key].append(problem.message)
    config = None if problems else services.configs.parse(draft)
    return Form(services, state, draft, problems, by_key, basis, config)


def accept(draft_id: str) -> None:
    """This session goes on with a form: it need not be asked about any more."""
    note(_OWN, draft_id)


def is_accepted(draft_id: str) -> bool:
    """Whether the form was begun or gone on with in this session."""
    return bool(noted(_OWN) == draft_id)


def fill_from_profile(state: StateManager, name: str) -> None:
    """Fill in what suits a use case, if there is one of this name."""
    if name not in profiles():
        return
    values = profiles()[name].values
    state.update_state(revise_draft(lambda draft: with_values(draft, values)))
    state.update_state(set_basis(f"profile:{name}"))


def _basis(services: Services, basis: str) -> Draft | None:
    kind, _, name = basis.partition(":")
    match kind:
        case "preset":
            return presets(services).get(name)
        case "profile":
            return with_values({}, profiles()[name].values) if name in profiles() else None
        case "run":
            try:
                return order_as_draft(services, name)
            except StudioError:
                return None
        case _:
            return None


def _arrive(services: Services, state: StateManager, asked: Mapping[str, str]) -> None:
    """Fill the form as a link says. What cannot be found is told, and changes nothing."""
    try:
        if draft_id := asked.get("draft"):
            if state.state.training.draft_id != draft_id and not services.drafts.resume(state, draft_id):
                st.info("The form of this link is no longer among the unfinished ones.", icon=":material/info:")
        elif run_id := asked.get("from"):
            state.update_state(replace_draft(order_as_draft(services, run_id), f"run:{run_id}"))
        elif (name := asked.get("preset", "")) in (known := presets(services)):
            state.update_state(replace_draft(known[name], f"preset:{name}"))
        elif name:
            st.warning("There is no preset of this name (any more).", icon=":material/warning:")
    except StudioError as error:
        error_box(error.explain())
    if not {"draft", "from", "preset"} & asked.keys():
        _leave_what_came_back(state)
    fill_from_profile(state, asked.get("profile", ""))
    paths = {key: asked[name] for name, key in PATHS.items() if name in asked}
    if paths:
        state.update_state(revise_draft(lambda draft: with_values(draft, paths)))


def put_into_form(services: Services, values: Mapping[str, object]) -> None:
    """Fill in what was chosen on another page, by dotted key: into the form that this session works on."""
    state = state_manager(services)
    _leave_what_came_back(state)
    state.update_state(revise_draft(lambda draft: with_values(draft, values)))


def _leave_what_came_back(state: StateManager) -> None:
    """A form of an earlier session that nobody has gone on with stays as it is: another one is begun."""
    present = state.state.training.draft_id
    if present and not is_accepted(present):
        state.update_state(replace_draft({}))
