"""What the configuration of a LoRA adapter becomes when its start is put beside it."""

import math
from typing import Any


def beside_its_start(config: dict[str, Any]) -> dict[str, Any]:
    """The adapter_config.json of [A; A0], [B, -B0], given that of A, B.

    The rank doubles, and alpha grows so that the scale stays: alpha / r, or alpha / sqrt(r) with rsLoRA.
    """
    growth = math.sqrt(2) if config.get("use_rslora") else 2
    return config | {
        "init_lora_weights": True,
        "r": 2 * config["r"],
        "lora_alpha": growth * config["lora_alpha"],
        "rank_pattern": {name: 2 * rank for name, rank in (config.get("rank_pattern") or {}).items()},
        "alpha_pattern": {name: growth * alpha for name, alpha in (config.get("alpha_pattern") or {}).items()},
    }
