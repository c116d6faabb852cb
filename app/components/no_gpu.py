"""That training will not use a GPU, why, and what to do about it."""

import streamlit as st

from app.components.markdown_escape import escape
from backend.domain.machine import HardwareSnapshot

NOT_DETECTED = "CUDA not detected. Training will use CPU (slower). Install CUDA for GPU acceleration."
NOT_USED = "This machine has an NVIDIA GPU that torch cannot use. Training will use CPU (slower)."
GUIDE = """
1. The machine needs an NVIDIA GPU, and its driver: [NVIDIA's drivers](https://www.nvidia.com/drivers). After installing
   it, `nvidia-smi` in a terminal lists the GPU.
2. torch has to be a CUDA build that the driver supports: [the builds of torch](https://pytorch.org/get-started/locally).
   The check *cuda* under *Dependencies* below has the command for this machine.
3. In a container the GPU has to be passed in, with Docker by `--gpus all`.
4. Come back to this page and click *Check again* below *What torch says*.

Everything works without a GPU too: small models, any method. 4-bit and 8-bit weights (QLoRA, bitsandbytes) run on the
processor as well, where they save memory, and no time. More is in the documentation, `docs/how-to/machine.md`.
"""


def no_gpu(now: HardwareSnapshot, why: str) -> None:
    """`why` torch cannot use a GPU, as the check of CUDA says; "" if it can, and then nothing is drawn."""
    if not why:
        return
    if now.gpus:
        st.warning(f"{NOT_USED} {escape(why)}", icon=":material/memory:")
    else:
        st.info(f"{NOT_DETECTED} {escape(now.gpu_note)}".rstrip(), icon=":material/memory:")
    with st.expander("How to use a GPU", icon=":material/menu_book:"):
        st.markdown(GUIDE)
