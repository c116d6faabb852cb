"""Numbers of bytes, and joules, in words."""


def in_bytes(size: float) -> str:
    """Binary units with three digits: 512 B, 1.50 KiB, 139 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:  # noqa: PLR2004 - what the binary units are about
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:,.3g} TiB"


def in_energy(joules: float) -> str:
    """Watt hours with three digits, from 1,000 of them on kilowatt hours."""
    hours = joules / 3600
    return f"{hours / 1000:,.3g} kWh" if hours >= 1000 else f"{hours:.3g} Wh"  # noqa: PLR2004 - what kilo means
