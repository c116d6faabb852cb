"""What measures the machine."""
