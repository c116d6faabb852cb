"""The settings that all contestants share."""

LORA_RANK = 16
LORA_ALPHA = 32
LEARNING_RATE = 5e-4
SEED = 42
