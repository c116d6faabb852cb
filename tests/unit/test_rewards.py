"""Reward functions: what they score, what they refuse, and that no pattern can hang them."""

import hashlib
import time
from pathlib import Path

import pytest
from pydantic import ValidationError

from backend.recipes.rewards import PythonReward, Rewards
from backend.recipes.rewards.exact import ExactReward
from backend.recipes.rewards.length import LengthReward
from backend.recipes.rewards.pattern import RegexReward
from backend.recipes.rewards.python_file import RewardFileNotTrusted, RewardFileUnreadable
from backend.trainer.errors import RewardFailed
from backend.trainer.rewards import reward_functions

QUIET = "def reward(prompts, completions, answers):\n    return [len(c) for c in completions]\n"


def said(*texts: str) -> list[list[dict[str, str]]]:
    return [[{"role": "assistant", "content": text}] for text in texts]


def trusted(file: Path, source: str) -> Rewards:
    file.write_text(source, encoding="utf-8")
    return Rewards(python=PythonReward(path=str(file), trusted=hashlib.sha256(file.read_bytes()).hexdigest()))


@pytest.mark.parametrize(("tokens", "score"), [(10, 1.0), (5, 0.5), (15, 0.5), (20, 0.0), (40, 0.0)])
def test_length_falls_with_the_distance_from_the_target(tokens: int, score: float) -> None:
    assert LengthReward(target=10).score("", tokens, None) == score


def test_length_beyond_the_limit_is_nothing() -> None:
    assert LengthReward(limit=10).score("", 10, None) == 1
    assert LengthReward(target=12, limit=10).score("", 12, None) == 0
    with pytest.raises(ValidationError, match="target or a limit"):
        LengthReward()


def test_exact_compares_without_white_space_and_capitals_unless_asked() -> None:
    assert ExactReward().score(" Maud \n Tallow", 1, "maud tallow") == 1
    assert ExactReward(ignore_case=False).score("maud", 1, "Maud") == 0
    assert ExactReward().score("It is Maud.", 1, "Maud") == 0
    assert ExactReward(inside=True).score("It is Maud.", 1, "Maud") == 1
    assert ExactReward().score("", 1, None) == 0


def test_a_pattern_is_found_or_must_fit_whole() -> None:
    assert RegexReward(pattern="[0-9]+").score("It is 42.", 1, None) == 1
    assert RegexReward(pattern="[0-9]+", whole=True).score("It is 42.", 1, None) == 0
    with pytest.raises(ValidationError, match="no regular expression"):
        RegexReward(pattern="(")


def test_a_catastrophic_pattern_scores_nothing_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewards = Rewards(regex=RegexReward(pattern="^(a|aa)+$"), length=LengthReward(limit=99))
    _, pattern = reward_functions(rewards, tmp_path)
    began = time.monotonic()

    scores = pattern(prompts=[], completions=said(*["a" * 60 + "b"] * 20, "aa"), completion_ids=[[1]] * 21)

    assert scores == [0.0] * 21
    assert time.monotonic() - began < 30
    assert "took too long on 4 answers" in capsys.readouterr().out


def test_functions_are_named_as_in_the_configuration_and_get_the_answers(tmp_path: Path) -> None:
    rewards = Rewards(exact=ExactReward(), length=LengthReward(target=2))
    length, exact = reward_functions(rewards, tmp_path)

    assert (length.__name__, exact.__name__) == ("length", "exact")
    assert exact(prompts=[], completions=said("4", "5"), completion_ids=[[1], [2]], answer=["4", "4"]) == [1, 0]
    assert length(prompts=[], completions=said("4", "5"), completion_ids=[[1, 2], []]) == [1, 0]


def test_a_python_file_runs_only_with_consent_to_its_bytes(tmp_path: Path) -> None:
    file = tmp_path / "reward.py"
    found = trusted(file, QUIET)
    (function,) = reward_functions(found, tmp_path)
    assert function(prompts=said("?", "?"), completions=said("one", "three"), completion_ids=[[], []]) == [3, 5]

    marker = tmp_path / "was-run"
    file.write_text(f"open({str(marker)!r}, 'w')\n" + QUIET, encoding="utf-8")
    changed = hashlib.sha256(file.read_bytes()).hexdigest()
    with pytest.raises(RewardFileNotTrusted, match=changed):
        reward_functions(found, tmp_path)
    with pytest.raises(RewardFileNotTrusted, match=changed):
        reward_functions(Rewards(python=PythonReward(path=str(file))), tmp_path)
    assert not marker.exists()


def test_a_python_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RewardFileUnreadable, match=r"nowhere\.py"):
        reward_functions(Rewards(python=PythonReward(path="nowhere.py")), tmp_path)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("x = 1\n", "no function reward"),
        ("def reward(:\n", "SyntaxError"),
        ("def reward(p, c, a):\n    return [1]\n", "not a number each"),
        ("def reward(p, c, a):\n    return [float('nan')] * 2\n", "not a number each"),
        ("def reward(p, c, a):\n    return ['x', 'y']\n", "ValueError"),
        ("def reward(p, c, a):\n    raise KeyError('k')\n", "KeyError"),
    ],
)
def test_a_python_file_that_fails_is_told(source: str, why: str, tmp_path: Path) -> None:
    rewards = trusted(tmp_path / "reward.py", source)
    with pytest.raises(RewardFailed, match=why):
        reward_functions(rewards, tmp_path)[0](prompts=said("?", "?"), completions=said("a", "b"), completion_ids=[])


def test_a_run_needs_at_least_one_reward() -> None:
    with pytest.raises(ValidationError, match="at least one of"):
        Rewards()
