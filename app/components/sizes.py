"""Numbers of bytes, and joules, in words: those of the domain, for components."""

from backend.domain.sizes import in_bytes, in_energy

__all__ = ["in_bytes", "in_energy"]
