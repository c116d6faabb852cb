"""How an installation behaves, and the catalogue of what it offers."""
