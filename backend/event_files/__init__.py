"""Reading TensorBoard event files."""
