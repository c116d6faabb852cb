"""The program that answers: `python -m backend.inference`, spoken to in JSON lines."""
