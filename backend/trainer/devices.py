"""The program that asks torch which GPUs it can use: one line in, one JSON document out, and it ends.

Usage: echo | python -m backend.trainer.devices. The document is {"truth": ...}, or {"error": ...} if torch cannot be
imported.
"""

import json
import os
import resource
import sys
import warnings
from typing import TYPE_CHECKING

from backend.domain.cuda_truth import TorchDevice, TorchSays

if TYPE_CHECKING:
    import torch

PROCESSOR_SECONDS = 120
MOST_WORDS = 400
SIDE = 64


def main() -> int:
    """Answer the first line of the input; the exit code, 1 without torch. What libraries print goes to the log."""
    output = os.dup(1)
    os.dup2(2, 1)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = PROCESSOR_SECONDS if hard == resource.RLIM_INFINITY else min(PROCESSOR_SECONDS, hard)
    resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
    sys.stdin.readline()
    document: dict[str, object]
    try:
        document = {"truth": ask_torch().model_dump(mode="json")}
    except (ImportError, OSError) as error:  # OSError: a library of its own that cannot be loaded
        document = {"error": _words(f"{type(error).__name__}: {error}")}
    with os.fdopen(output, "w", encoding="ascii") as file:
        file.write(json.dumps(document) + "\n")
    return 1 if "error" in document else 0


def ask_torch() -> TorchSays:
    """What torch says here and now; touches the first GPU. Raises ImportError or OSError if it cannot be loaded."""
    import torch  # noqa: PLC0415 - seconds of imports, and it may fail

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        is_available = torch.cuda.is_available()
    warned = [str(one.message) for one in said]
    computes, error = _trial(torch.device("cuda", 0)) if is_available else (None, _why_not(warned))
    return TorchSays(
        torch_version=str(torch.__version__),
        cuda=torch.version.cuda,
        rocm=torch.version.hip,
        is_available=is_available,
        architectures=tuple(torch.cuda.get_arch_list()) if is_available else (),
        devices=tuple(_device(index) for index in range(torch.cuda.device_count())) if is_available else (),
        computes=computes,
        has_mps=torch.backends.mps.is_available(),
        has_xpu=torch.xpu.is_available(),
        error=_words(error),
    )


def _device(index: int) -> TorchDevice:
    import torch  # noqa: PLC0415

    told = torch.cuda.get_device_properties(index)
    with torch.cuda.device(index):
        bfloat16 = bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return TorchDevice(
        name=str(told.name),
        capability=(int(told.major), int(told.minor)),
        memory_bytes=int(told.total_memory),
        supports_bfloat16=bfloat16,
    )


def _trial(device: "torch.device") -> tuple[bool | None, str]:
    """Whether a small product of matrices comes out right, and what went wrong; None for want of free memory."""
    import torch  # noqa: PLC0415

    try:
        ones = torch.ones(SIDE, SIDE, device=device)
        is_right = bool((ones @ ones == SIDE).all().item())
    except torch.cuda.OutOfMemoryError as error:
        return None, str(error)
    except RuntimeError as error:
        return False, str(error)
    return is_right, "" if is_right else "The product of two matrices of ones was wrong."


def _why_not(warned: list[str]) -> str:
    """What torch raises when it is made to use a GPU, or what it warned of before."""
    import torch  # noqa: PLC0415

    if warned:
        return warned[0]
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return str(error)
    return ""


def _words(text: str) -> str:
    """One line, not too long."""
    return " ".join(text.split())[:MOST_WORDS]


if __name__ == "__main__":
    sys.exit(main())
