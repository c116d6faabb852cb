"""What a processor's instruction sets mean for training, in words. Pure."""

from collections.abc import Sequence

from backend.domain.machine import Cpu

# The kernel's names (x86: flags, ARM: Features of /proc/cpuinfo), best first; the first found of each kind is told.
VECTORS = (
    ("avx512f", "It computes 512 bits at once (AVX-512)."),
    ("avx2", "It computes 256 bits at once (AVX2)."),
    ("sve", "It has scalable vectors (SVE)."),
    ("asimd", "It computes 128 bits at once (NEON)."),
)
MATRICES = (
    ("amx_bf16", "It multiplies matrices of bfloat16 in units of its own (AMX)."),
    ("sme", "It multiplies matrices in units of its own (SME)."),
)
BFLOAT16 = ("amx_bf16", "avx512_bf16", "avx_ne_convert", "bf16", "svebf16")
NO_BFLOAT16 = "It has no instructions for bfloat16: that format saves memory here, and no time."
HAS_BFLOAT16 = "It computes with bfloat16 itself, which saves memory and time."
NO_VECTORS = "It has neither AVX2 nor AVX-512: training will be very slow, and some packages may not start."
X86 = "sse2"


def in_words(cpu: Cpu) -> tuple[str, ...]:
    """Sentences; none where the system tells no features."""
    if not cpu.features:
        return ()
    has = frozenset(cpu.features)
    vectors = _first(VECTORS, has) or (NO_VECTORS if X86 in has else "")
    bfloat16 = HAS_BFLOAT16 if has & set(BFLOAT16) else NO_BFLOAT16
    return tuple(filter(None, (vectors, _first(MATRICES, has), bfloat16)))


def _first(table: Sequence[tuple[str, str]], has: frozenset[str]) -> str:
    return next((words for name, words in table if name in has), "")
