"""Gathering: slow questions are answered in the background, each once."""

import threading

from backend.services.gathering import Gathering


def everything(gathering: Gathering[str, str], keys: list[str]) -> dict[str, str]:
    """What is known once nothing is left."""
    while (found := gathering.ask(keys)).num_left:
        gathering.wait(1)
    return dict(found.known)


def test_asking_does_not_wait_and_each_answer_is_found_once() -> None:
    may_answer, asked = threading.Event(), []

    def find(key: str) -> str:
        assert may_answer.wait(60)
        asked.append(key)
        return key.upper()

    gathering: Gathering[str, str] = Gathering(find, lambda _: "")
    first = gathering.ask(["a", "b"])
    assert (dict(first.known), first.num_left) == ({}, 2)
    may_answer.set()
    assert everything(gathering, ["a", "b"]) == {"a": "A", "b": "B"}
    assert everything(gathering, ["b", "a"]) == {"a": "A", "b": "B"}
    assert sorted(asked) == ["a", "b"]


def test_one_bad_question_does_not_end_the_others() -> None:
    def find(key: str) -> str:
        if key == "bad":
            raise ValueError(key)
        return key

    gathering: Gathering[str, str] = Gathering(find, lambda _: "failed")
    assert everything(gathering, ["bad", "good"]) == {"bad": "failed", "good": "good"}


def test_what_is_not_asked_any_more_is_not_looked_for() -> None:
    begun, may_end, asked = threading.Event(), threading.Event(), []

    def find(key: str) -> str:
        asked.append(key)
        begun.set()
        assert may_end.wait(60)
        return key

    gathering: Gathering[str, str] = Gathering(find, lambda _: "")
    gathering.ask(["first", "old"])
    assert begun.wait(60)
    gathering.ask(["new"])
    may_end.set()
    assert everything(gathering, ["new"]) == {"new": "new"}
    assert asked == ["first", "new"]


def test_more_than_the_most_are_forgotten_and_found_again() -> None:
    asked: list[str] = []
    gathering: Gathering[str, str] = Gathering(lambda key: asked.append(key) or key, lambda _: "", most=2)
    for key in ("a", "b", "c", "a"):
        everything(gathering, [key])
    assert asked == ["a", "b", "c", "a"]
