"""How many bytes the base weights take in a number format: computed from their shapes. Pure."""

import math

from backend.domain.disk_need import Shapes

BYTES = {"float32": 4.0, "bfloat16": 2.0, "float16": 2.0}
BLOCK = 64  # numbers that share a scale in bitsandbytes' 4-bit formats
SCALE_BYTES = {True: 1 + 4 / 256, False: 4.0}  # per block: 8 bit and a scale of scales, or float32
MATRIX = 2


def weight_bytes(shapes: Shapes, quantization: str, precision: str, *, is_double: bool = True) -> float:
    """Bytes of all weights; quantized are the linear layers alone, tables of words and the output head are not.

    4 bits a number and its share of a scale (Dettmers et al., 2023, arXiv:2305.14314), or 8 bits and a float32 scale
    for each output (Dettmers et al., 2022, arXiv:2208.07339).
    """
    total = 0.0
    for name, shape in shapes.items():
        count = math.prod(shape)
        is_linear = len(shape) == MATRIX and "embed" not in name and not name.startswith("lm_head")
        if not is_linear or quantization == "none":
            total += count * BYTES[precision]
        elif quantization == "int8":
            total += count + 4 * shape[0]
        else:
            total += count / 2 + count / BLOCK * SCALE_BYTES[is_double]
    return total
