"""How files become rows, rows become conversations, conversations become tokens."""
