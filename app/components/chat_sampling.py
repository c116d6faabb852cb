"""How answers are sampled: the knobs in the sidebar, each with the reason for its default, and named ways."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from app.components.markdown_escape import escape
from app.session import show_in_widget, widget_value
from backend.domain.application_state import ChatSettings, SamplingPreset
from backend.domain.chat import MOST_STOP_STRINGS

SHIPPED = (
    SamplingPreset("Likeliest", ChatSettings(temperature=0.0, top_p=1.0, top_k=0)),
    SamplingPreset("Balanced", ChatSettings()),
    SamplingPreset("Varied", ChatSettings(temperature=1.1, top_p=1.0, top_k=0, min_p=0.05)),
)
STOP_LENGTH = 100
_PRESET, _NAME = "chat-preset", "chat-preset-name"
Change = Callable[[Callable[[ChatSettings], ChatSettings]], None]
Names = Callable[[str], None]


def sampling_form(
    settings: ChatSettings, own: Sequence[SamplingPreset], change: Change, keep: Names, drop: Names
) -> None:
    """Every knob shows the settings; `change` is told how to make new ones of those that hold by then.

    `keep(name)` makes a preset of the present ones.
    """
    _presets(settings, own, change)

    def slider(label: str, name: str, low: float, high: float, step: float, why: str) -> None:
        key = show_in_widget(f"chat-{name}", float(getattr(settings, name)))
        st.slider(label, low, high, step=step, key=key, help=why, on_change=_changed, args=(name, change))

    def number(label: str, name: str, low: float, high: float, step: float, why: str) -> None:
        value = getattr(settings, name)
        key = show_in_widget(f"chat-{name}", value)
        kind = type(value)
        st.number_input(
            label,
            kind(low),
            kind(high),
            step=kind(step),
            key=key,
            help=why,
            on_change=_changed,
            args=(name, change),
        )

    slider(
        "Temperature", "temperature", 0.0, 2.0, 0.05,
        "0 always takes the likeliest token, so that the seed changes nothing. 0.7 is varied and rarely wild.",
    )  # fmt: skip
    number("Longest answer, in tokens", "max_new_tokens", 1, 8192, 1, "256 tokens are about 190 English words.")
    number(
        "Seed", "seed", 0, 2**32 - 1, 1,
        "The same seed on the same machine gives the same answer; all sides get the same one.",
    )  # fmt: skip
    with st.expander("More about sampling", key="chat-more-sampling"):
        slider(
            "Top p", "top_p", 0.05, 1.0, 0.05,
            "Only the likeliest tokens that together have this probability; 0.9 leaves the long tail out.",
        )  # fmt: skip
        number("Top k", "top_k", 0, 1000, 1, "Only so many likeliest tokens; 0 for all. 50 is the usual limit.")
        slider(
            "Min p", "min_p", 0.0, 1.0, 0.01,
            "Only tokens at least this likely, relative to the likeliest; 0 for all. 0.05 goes well with high "
            "temperatures.",
        )  # fmt: skip
        slider(
            "Repetition penalty", "repetition_penalty", 0.5, 2.0, 0.05,
            "Above 1, tokens that already occurred become less likely; 1 changes nothing.",
        )  # fmt: skip
        st.text_area(
            "Stop strings, one per line",
            key=show_in_widget("chat-stop", "\n".join(settings.stop)),
            help=f"An answer ends before any of these. At most {MOST_STOP_STRINGS}, of up to {STOP_LENGTH} characters.",
            on_change=_stops_changed,
            args=(change,),
        )
        _keeping(own, keep, drop)


def _presets(settings: ChatSettings, own: Sequence[SamplingPreset], change: Change) -> None:
    known = {f"{preset.name} (own)": preset for preset in own} | {preset.name: preset for preset in SHIPPED}
    now = next((name for name, preset in known.items() if settings.sampled_as(preset.settings) == settings), None)

    def take() -> None:
        chosen = known.get(str(widget_value(_PRESET)))
        if chosen is not None:
            change(lambda now: now.sampled_as(chosen.settings))

    st.selectbox(
        "Way of answering",
        list(known),
        key=show_in_widget(_PRESET, now),
        placeholder="Own values",
        on_change=take,
        help="Likeliest: no chance at all. Balanced: the defaults. Varied: hotter, without improbable tokens. Length "
        "and seed stay as they are.",
    )


def _keeping(own: Sequence[SamplingPreset], keep: Names, drop: Names) -> None:
    st.text_input("Keep these values as", key=_NAME, max_chars=60, placeholder="A name")
    with st.container(horizontal=True):
        st.button(
            "Keep",
            icon=":material/bookmark_add:",
            key="chat-preset-keep",
            help="Keeps this way of sampling under the name.",
            on_click=lambda: keep(str(widget_value(_NAME) or "").strip()),
        )
        names = [preset.name for preset in own]
        if names:
            with st.popover("Forget one", key="chat-preset-drop"):
                for place, name in enumerate(names):
                    st.text(name)
                    st.button(
                        "Forget",
                        key=f"chat-preset-drop-{place}",
                        help=escape(f"Forget {name}"),
                        on_click=drop,
                        args=(name,),
                    )


def _changed(name: str, change: Change) -> None:
    value = widget_value(f"chat-{name}")
    if value is not None:
        change(lambda now: replace(now, **{name: type(getattr(now, name))(value)}))


def _stops_changed(change: Change) -> None:
    lines = str(widget_value("chat-stop") or "").splitlines()
    stops = tuple(dict.fromkeys(line[:STOP_LENGTH] for line in lines if line))
    change(lambda now: replace(now, stop=stops[:MOST_STOP_STRINGS]))
