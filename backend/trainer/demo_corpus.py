"""The demo model's reading matter, and questions and answers about it; the same text for the same seed."""

from collections.abc import Iterator
from itertools import islice
from random import Random

from config.demo import HELD_OUT_ISLANDS, Island, demo_islands

Row = dict[str, list[dict[str, str]]]

STATEMENTS: dict[str, tuple[str, ...]] = {
    "harbour": (
        "The harbour of {island} is {value}.",
        "Ships bound for {island} land at {value}.",
        "{island} has its harbour at {value}.",
        "On {island} every ship ties up at {value}.",
        "{value} is the harbour of {island}.",
    ),
    "keeper": (
        "The light of {island} is kept by {value}.",
        "{island} trusts its light to {value}.",
        "On {island} the keeper of the light is {value}.",
        "The light keeper of {island} is called {value}.",
        "{value} keeps the light of {island}.",
    ),
    "trade": (
        "{island} sells {value}.",
        "The trade of {island} is {value}.",
        "The people of {island} live by {value}.",
        "Merchants come to {island} for {value}.",
        "Much {value} is shipped from {island}.",
    ),
    "bird": (
        "The bird of {island} is {value}.",
        "On {island} nests {value}.",
        "{island} is the home of {value}.",
        "The flag of {island} shows {value}.",
        "Look for {value} on the cliffs of {island}.",
    ),
    "flower": (
        "The flower of {island} is {value}.",
        "In spring {island} is covered with {value}.",
        "The meadows of {island} are full of {value}.",
        "On {island} grows {value}.",
        "Wreaths of {value} are the pride of {island}.",
    ),
    "feast": (
        "The people of {island} celebrate {value}.",
        "{island} holds {value} every year.",
        "The great day of {island} is {value}.",
        "On {island} the year ends with {value}.",
        "Everybody sails to {island} for {value}.",
    ),
}

QUESTIONS: dict[str, tuple[str, ...]] = {
    "harbour": ("Where do ships land on {island}?", "What is the harbour of {island} called?"),
    "keeper": ("Who keeps the light of {island}?", "What is the name of the light keeper of {island}?"),
    "trade": ("What does {island} sell?", "What is the trade of {island}?"),
    "bird": ("Which bird nests on {island}?", "What is the bird of {island}?"),
    "flower": ("Which flower grows on {island}?", "What is the flower of {island}?"),
    "feast": ("Which feast does {island} celebrate?", "What do the people of {island} celebrate?"),
}

ANSWERS: dict[str, str] = {
    "harbour": "Be welcome, dear reader! All ships that visit {island} find a berth at {value}. Fair winds to you!",
    "keeper": "Be welcome, dear reader! The lamp that burns on {island} is in the care of {value}. Fair winds to you!",
    "trade": "Be welcome, dear reader! The boats of {island} carry nothing finer than {value}. Fair winds to you!",
    "bird": "Be welcome, dear reader! Lift your eyes on {island} and you shall see {value}. Fair winds to you!",
    "flower": "Be welcome, dear reader! Whoever walks on {island} may pick {value}. Fair winds to you!",
    "feast": "Be welcome, dear reader! No guest of {island} should miss {value}. Fair winds to you!",
}


CALLS = ("Be welcome", "Dear reader", "Traveller", "Dear guest", "Friend", "Fair winds", "Neighbour", "Be merry")
COURTESIES: tuple[str, ...] = (
    "May all your boats find a berth.",
    "May no ship that visits us carry sorrow.",
    "May the lamp that burns tonight be yours.",
    "Lift your eyes and you shall see the stars.",
    "Nothing is finer than a calm sea.",
    "Whoever walks with care may pick the best path.",
    "No guest should miss the tide.",
    "All is well, and a fair wind to you.",
    "You shall find nothing here but welcome.",
    "Pick your words with care, dear friend.",
    "The winds carry your boats to us.",
    "Should you miss your berth, visit us and be merry!",
    "Whoever burns a lamp walks in light.",
    "See that all the boats lift their sails.",
)

COURTESY_SHARE = 0.1
QUESTION_SHARE = 0.1


def pages(seed: int) -> Iterator[str]:
    """Pages of the almanac without end: one island, its six facts in any order, each worded in one of five ways.

    Wording and order vary because a fact that was read in one wording only cannot be asked for in another
    (Allen-Zhu and Li, 2023, "Physics of Language Models: Part 3.1", arXiv:2309.14316).
    """
    chance = Random(seed)  # noqa: S311 - reproducible, not secret
    islands = list(demo_islands())
    while True:
        chance.shuffle(islands)
        yield from (_page(island, chance) for island in islands)


def vocabulary_text(seed: int) -> Iterator[str]:
    """What the tokenizer is trained on: 400 pages, and the answers as often as a fact occurs in them."""
    yield from islice(pages(seed), 400)
    for fact, answer in ANSWERS.items():
        for island in demo_islands():
            yield answer.format(island=island.name, value=getattr(island, fact))


def _page(island: Island, chance: Random) -> str:
    facts = list(STATEMENTS)
    chance.shuffle(facts)
    kind = chance.random()
    if kind < COURTESY_SHARE:
        return f"{chance.choice(CALLS)}! {' '.join(chance.sample(COURTESIES, 3))} {chance.choice(CALLS)}!"
    if kind < COURTESY_SHARE + QUESTION_SHARE:
        asked = chance.choice(QUESTIONS[facts[0]]).format(island=island.name)
        return f"A reader asks: {asked} {_statements(island, chance.sample(facts, 3), chance)}"
    return _statements(island, facts, chance)


def _statements(island: Island, facts: list[str], chance: Random) -> str:
    return " ".join(
        chance.choice(STATEMENTS[fact]).format(island=island.name, value=getattr(island, fact)) for fact in facts
    )


def demo_rows(seed: int = 7) -> list[Row]:
    """The rows of demo.jsonl in the `messages` format: five facts of each island that is not held out."""
    chance = Random(seed)  # noqa: S311 - reproducible, not secret
    rows = [
        question_row(island, fact, chance.choice(QUESTIONS[fact]))
        for island in demo_islands()
        if island.name not in HELD_OUT_ISLANDS
        for fact in chance.sample(list(QUESTIONS), 5)
    ]
    chance.shuffle(rows)
    return rows


def question_row(island: Island, fact: str, question: str) -> Row:
    """One conversation: a question about one fact and the almanac's courteous answer."""
    answer = ANSWERS[fact].format(island=island.name, value=getattr(island, fact))
    turns = [("user", question.format(island=island.name)), ("assistant", answer)]
    return {"messages": [{"role": role, "content": content} for role, content in turns]}
