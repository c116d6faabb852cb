"""Forecasts by plain arithmetic, that grow with what really makes memory grow; and a counter of how many were asked."""

from dataclasses import dataclass, field

from backend.domain.memory_forecast import Basis, MemoryForecast, MemoryPart
from backend.domain.run_config import RunConfig

WEIGHT_BYTES = {"none": 4.0, "int8": 1.1, "nf4": 0.6, "fp4": 0.6}
STATE_BYTES = {"adamw_8bit": 2, "lion_8bit": 1, "paged_adamw_8bit": 2, "sgd": 0}


@dataclass
class ArithmeticForecasts:
    """A model of so many parameters in main memory; `asked` are the orders, each once."""

    num_parameters: int = 1_000_000
    baseline_bytes: int = 1_000_000
    spread: float = 0.1
    asked: dict[str, RunConfig] = field(default_factory=dict)

    def __call__(self, config: RunConfig) -> MemoryForecast:
        self.asked[config.model_dump_json()] = config
        parts = self.parts(config)
        likely = sum(parts.values())
        return MemoryForecast(
            device="cpu",
            parts=parts,
            low_bytes=round(likely * (1 - self.spread)),
            likely_bytes=likely,
            high_bytes=round(likely * (1 + self.spread)),
            basis=Basis.TRACED,
            sources=("arithmetic of a test",),
        )

    def parts(self, config: RunConfig) -> dict[MemoryPart, int]:
        """By rows, length, checkpointing, optimizer, method and quantization."""
        training, size = config.training, self.num_parameters
        is_whole = config.method.name in ("full", "freeze")
        trained = size if is_whole else size * int(getattr(config.method, "rank", 8)) // 1000
        tokens = training.batch_size * training.max_length
        kept = tokens * size // 5_000
        greedy = 2 if config.speed.logits == "all" else 1
        return {
            MemoryPart.FRAMEWORK: self.baseline_bytes,
            MemoryPart.WEIGHTS: round(size * WEIGHT_BYTES[config.quantization.name]),
            MemoryPart.ADAPTER: 0 if is_whole else 4 * trained,
            MemoryPart.GRADIENTS: 4 * trained,
            MemoryPart.OPTIMIZER: trained * STATE_BYTES.get(training.optimizer, 8),
            MemoryPart.ACTIVATIONS: kept // 5 if training.gradient_checkpointing else kept,
            MemoryPart.LOGITS: tokens * 50 * greedy,
        }
