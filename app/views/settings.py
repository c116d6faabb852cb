"""Settings: every setting with its source, the feature flags, the plugins, and the file that keeps them."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.components.error_box import warning_box
from app.components.markdown_escape import escape
from app.components.plugin_card import plugin_card
from app.components.setting_card import SettingActs, in_words, setting_card
from app.notices import attempt, say
from app.session import note, noted
from backend.domain.setting_state import SettingState
from backend.services.bundle import Services
from backend.services.setting_states import masked, secrets
from backend.services.settings_errors import SettingInvalid
from backend.store.files import read_text
from config.setting_fields import Group
from config.setting_layers import leaves

OVERVIEW, PLUGINS, FILE = "Overview", "Plugins", "Files"
SECTIONS = (OVERVIEW, *(group.value for group in Group), PLUGINS, FILE)
_TYPED = "settings-typed"


def render(services: Services) -> None:
    """A section, or what a search finds; the first section has what differs from the defaults."""
    services.settings.reload()
    st.title("Settings", anchor=False)
    _problems(services)
    wanted = _head(services)
    section = st.segmented_control(
        "Section", SECTIONS, default=OVERVIEW, key="section", bind="query-params", label_visibility="collapsed"
    )
    states = services.settings.sources()
    if wanted:
        _found(services, states, wanted)
    elif section == PLUGINS:
        _plugins(services, states)
    elif section == FILE:
        _files(services)
    elif section in set(Group):
        _cards(services, [state for state in states if state.group == section])
    else:
        _overview(services, states)


def _problems(services: Services) -> None:
    if problem := services.settings.problem():
        warning_box(problem)
    if unknown := services.settings.unknown_keys():
        names = escape(", ".join(unknown))
        st.warning(f"studio.toml has keys that no setting has: {names}", icon=":material/warning:")


def _head(services: Services) -> str:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Search",
            key="search",
            bind="query-params",
            type="search",
            live="300ms",
            placeholder="Name or words of the description",
            width=360,
        )
        st.button(
            "Reload now",
            key="settings-reload",
            icon=":material/refresh:",
            help="Reads studio.toml and .env again; they are also looked at every two seconds.",
            on_click=attempt,
            args=(_reload, services),
        )
    return (text or "").strip()


def _reload(services: Services) -> None:
    changed = services.settings.reload(is_forced=True)
    say(f"Read again; changed: {', '.join(sorted(changed))}." if changed else "Read again; nothing changed.")


def _found(services: Services, states: Sequence[SettingState], wanted: str) -> None:
    words = wanted.casefold().replace("peft_studio_", "").split()
    texts = {state.key: f"{state.key} {state.parameter.label} {state.parameter.help}".casefold() for state in states}
    found = [state for state in states if all(word in texts[state.key] for word in words)]
    st.caption(f"{len(found)} of {len(states)} settings")
    if not found:
        st.info("No setting has these words in its name or description.", icon=":material/search_off:")
    _cards(services, found)


def _overview(services: Services, states: Sequence[SettingState]) -> None:
    profile = services.settings.current().environment
    waiting = [state for state in states if state.is_pending]
    st.markdown(f"The environment profile is **{profile}**. What is changed here is kept in studio.toml (see Files).")
    if waiting:
        names = ", ".join(escape(state.key) for state in waiting)
        st.info(f"Takes effect when the dashboard is started again: {names}", icon=":material/restart_alt:")
    st.header("Differs from the defaults", anchor=False)
    other = [state for state in states if not state.is_default]
    if not other:
        st.caption("Nothing; every setting is as the studio ships.")
    _cards(services, other)
    st.header("Secrets", anchor=False)
    st.caption("Read from the environment only, never shown and never kept.")
    for name, is_set in secrets().items():
        st.markdown(f"{escape(name)}: {'set' if is_set else 'not set'}")


def _cards(services: Services, states: Sequence[SettingState]) -> None:
    typed = noted(_TYPED) or {}
    acts = SettingActs(partial(_change, services), partial(attempt, _reset, services))
    for state in states:
        text, problem = typed.get(state.key, (None, ""))
        setting_card(state, acts, text, [problem] if problem else [])


def _change(services: Services, key: str, value: object) -> None:
    """What the control holds is kept at once; what cannot be used stays in the control, with the reason below."""
    name = key.removeprefix("settings.")
    if value is None:
        attempt(_reset, services, name)
        return
    _remember(name, None)
    try:
        services.settings.set(name, value)
    except SettingInvalid as error:
        _remember(name, (value, str(error.data["problem"])))


def _reset(services: Services, key: str) -> None:
    _remember(key, None)
    services.settings.reset(key)


def _remember(key: str, typed: tuple[object, str] | None) -> None:
    kept = {name: each for name, each in (noted(_TYPED) or {}).items() if name != key}
    note(_TYPED, kept if typed is None else kept | {key: typed})


def _plugins(services: Services, states: Sequence[SettingState]) -> None:
    by_key = {state.key: state for state in states}
    off = by_key["plugins_disabled"]
    names = off.pending if off.is_pending else off.value
    left_out = [str(name) for name in names] if isinstance(names, list) else []
    st.caption(
        "Plugins are installed Python packages: installing one is trusting it. Nothing is loaded from a workspace. "
        f"Plugins are switched {in_words(by_key['flags.plugins'].value)} as a whole under {Group.FEATURES.value}."
    )
    found = services.plugins.list()
    if not found:
        st.info("No plugin is installed in the Python that runs the studio.", icon=":material/extension_off:")
    for plugin in found:
        plugin_card(
            plugin,
            is_off=bool({plugin.name, plugin.distribution} & set(left_out)),
            can_change=not off.fixed,
            switch=partial(attempt, _switch, services, left_out, plugin.distribution),
        )


def _switch(services: Services, left_out: Sequence[str], distribution: str, name: str, is_off: bool) -> None:
    kept = [each for each in left_out if each not in (name, distribution)]
    services.settings.set("plugins_disabled", [*kept, name] if is_off else kept)


def _files(services: Services) -> None:
    st.caption("The first of these that names a setting decides.")
    layers = services.settings.current().layers
    st.dataframe(
        {
            "Source": [layer.source.value for layer in layers],
            "Where": [str(layer.path or "-") for layer in layers],
            "Settings that it names": [len(dict(leaves(layer.values))) for layer in layers],
        },
        hide_index=True,
        alt="Sources of settings, the one that decides first",
    )
    path = services.settings.file()
    st.header("studio.toml of this workspace", anchor=False)
    st.code(str(path), language=None, wrap_lines=True)
    text = read_text(path)
    if text is None:
        st.info("There is none yet; the first change makes it.", icon=":material/draft:")
    else:
        st.code(masked(text) or "# empty", language=None)  # of its colours not all can be read
