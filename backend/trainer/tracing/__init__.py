"""How much memory a run takes: its own loop takes a step on tensors without memory, and somebody counts."""
