"""One plugin as a card: what it adds, whether it could be loaded, and switching it off."""

from collections.abc import Callable

import streamlit as st

from app.components.markdown_escape import escape
from backend.plugins.registry import Plugin, PluginState

_LOOKS = {
    PluginState.LOADED: (":material/check_circle:", "green"),
    PluginState.FAILED: (":material/error:", "red"),
    PluginState.DISABLED: (":material/block:", "gray"),
}


def plugin_card(plugin: Plugin, *, is_off: bool, can_change: bool, switch: Callable[[str, bool], None]) -> None:
    """Draw it; `is_off` says whether it is left out from the next start on, and `switch(name, off)` changes that."""
    icon, color = _LOOKS[plugin.state]
    place = f"{plugin.kind.noun}-{plugin.name}"
    with st.container(border=True, key=f"plugin-{place}"):
        words, control = st.columns([4, 1], vertical_alignment="center")
        with words:
            st.markdown(f"**{escape(plugin.name)}** :gray[{plugin.kind.article} {plugin.kind.noun}]")
            st.caption(f"From the package {escape(plugin.distribution)} {escape(plugin.version)}")
            st.badge(plugin.state.value, icon=icon, color=color)  # type: ignore[arg-type] # one of Streamlit's colours
            if problem := plugin.problem():
                st.markdown(f":red[{escape(problem.why)}]")
                st.caption(escape(problem.fix))
            if is_off != (plugin.state is PluginState.DISABLED):
                st.caption("It is left out from the next start on." if is_off else "It is loaded at the next start.")
        control.button(
            "Enable" if is_off else "Disable",
            key=f"switch-{place}",
            help=f"{'Load' if is_off else 'Leave out'} {escape(plugin.name)} from the next start on.",
            disabled=not can_change,
            on_click=switch,
            args=(plugin.name, not is_off),
        )
