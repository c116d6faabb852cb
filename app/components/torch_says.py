"""What torch itself says about the GPUs, when, and the button that asks it again."""

from collections.abc import Callable

import streamlit as st

from app.components.markdown_escape import escape
from app.components.sizes import in_bytes
from backend.domain.cuda_truth import CudaTruth, TorchDevice, sentence
from backend.services.cuda_truth import Asking

NOT_ASKED = "torch was not asked yet under the present circumstances: this page does not import it."
ASKING = "torch is being asked, in a program of its own. That takes some seconds."


def torch_says(asking: Asking, ask: Callable[[], None]) -> None:
    """`ask` starts the program; nothing waits for it."""
    st.markdown("**What torch says**")
    truth = asking.truth
    if asking.error is not None:
        st.warning(escape(f"{asking.error.what} {asking.error.why} {asking.error.fix}"), icon=":material/help:")
    elif truth is not None:
        _told(truth)
    if asking.is_running:
        st.caption(ASKING)
    elif truth is None and asking.error is None:
        st.caption(NOT_ASKED)
    st.button(
        "Check again" if truth or asking.error else "Ask torch",
        icon=":material/refresh:",
        key="machine-ask-torch",
        disabled=asking.is_running,
        on_click=ask,
        help="Starts a short-lived program that imports torch and tries the first GPU. No run is touched.",
    )


def _told(truth: CudaTruth) -> None:
    st.markdown(escape(sentence(truth)))
    for number, device in enumerate(truth.devices):
        st.caption(escape(f"cuda:{number} is {_device(device)}."))
    if truth.architectures:
        st.caption(escape(f"It has machine code for {', '.join(truth.architectures)}."))
    st.caption(escape(f"Asked on {truth.asked_at:%Y-%m-%d at %H:%M} UTC."))


def _device(device: TorchDevice) -> str:
    bfloat16 = "with" if device.supports_bfloat16 else "without"
    capability = "{}.{}".format(*device.capability)
    return f"{device.name}, compute capability {capability}, {in_bytes(device.memory_bytes)}, {bfloat16} bfloat16"
