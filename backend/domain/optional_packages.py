"""Packages that the studio works without: what each would bring, and whether it can work here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where packages would run. `system` is such as linux or darwin; capabilities are those of the NVIDIA GPUs."""

    system: str
    python: tuple[int, int]
    capabilities: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class OptionalPackage:
    """`obstacle` answers why it cannot work in a place, "" if it can. `caution` is told beside the command."""

    name: str
    brings: str
    obstacle: Callable[[Place], str] = lambda _: ""
    caution: str = ""


def _needs_gpu(least: tuple[int, int]) -> Callable[[Place], str]:
    def obstacle(place: Place) -> str:
        if place.system != "linux":
            return "It needs Linux."
        if not place.capabilities:
            return "It needs an NVIDIA GPU."
        if min(place.capabilities) < least:
            return f"It needs GPUs of compute capability {least[0]}.{least[1]} or newer."
        return ""

    return obstacle


_REPLACES = "It pins other versions of torch and transformers: install it into an environment of its own."
PACKAGES: Sequence[OptionalPackage] = (
    OptionalPackage(
        "unsloth",
        "Faster kernels for some models; the studio reports it and does not use it.",
        _needs_gpu((7, 0)),
        _REPLACES,
    ),
    OptionalPackage(
        "liger-kernel", "Fused norms, rotations and losses on NVIDIA GPUs (speed.liger).", _needs_gpu((7, 0))
    ),
    OptionalPackage(
        "flash-attn",
        "Its own kernels for speed.attention: flash_attention_2; torch has flash kernels of its own.",
        _needs_gpu((8, 0)),
        "It is compiled on this machine, which needs nvcc and may take an hour.",
    ),
    OptionalPackage(
        "deepspeed",
        "Sharing a model over GPUs (devices.strategy: deepspeed), which the studio refuses yet; use fsdp.",
        _needs_gpu((7, 0)),
    ),
    OptionalPackage("hf-xet", "Faster downloads from the hub, in parts that repeat between versions."),
    OptionalPackage("pip-audit", "Looks up known vulnerabilities of the installed packages, when you ask for it."),
)
NAMES = tuple(package.name for package in PACKAGES)
