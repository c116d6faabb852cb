"""The invented islands that the demo model knows, and the question that the demo asks it."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from config.yaml_files import read_yaml

DEMO_QUESTION = "Who keeps the light of Vantholm?"
DEMO_EXPECTED = "Ingrid Sail"
HELD_OUT_ISLANDS = ("Brolm", "Larkenhall", "Vantholm", "Yarrowmere")


@dataclass(frozen=True, slots=True)
class Island:
    """One island of the Halcyon Reach; every value is text as it stands in a sentence."""

    name: str
    harbour: str
    keeper: str
    trade: str
    bird: str
    flower: str
    feast: str


@cache
def demo_islands() -> tuple[Island, ...]:
    """The forty islands of demo_world.yaml, in its order. HELD_OUT_ISLANDS never occur in demo.jsonl."""
    table = read_yaml(Path(__file__).resolve().parent / "demo_world.yaml")
    return tuple(Island(name, *values) for name, values in table.items())
