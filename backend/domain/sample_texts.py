"""Sample generations as the trainer writes them: the quoted prompt, an empty line, the answer. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

TAG_PREFIX = "samples/"


@dataclass(frozen=True, slots=True)
class Sample:
    """What a model answered at a step, 0 before training."""

    step: int
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Answers:
    """One prompt, and what each run answered at which step."""

    prompt: str
    by_run: tuple[Mapping[int, str], ...]

    def at(self, run: int, step: int) -> tuple[int, str] | None:
        """The newest answer of a run at a step or before, with its step; None if there is none yet."""
        known = [one for one in self.by_run[run] if one <= step]
        return (max(known), self.by_run[run][max(known)]) if known else None


def parsed(step: int, text: str) -> Sample:
    """A text of a tag samples/N. What has no quoted prompt is an answer only."""
    lines = text.split("\n")
    num_quoted = next((i for i, line in enumerate(lines) if not line.startswith(">")), len(lines))
    prompt = "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines[:num_quoted])
    rest = lines[num_quoted:]
    answer = rest[1:] if num_quoted and rest[:1] == [""] else rest
    return Sample(step, prompt, "\n".join(answer))


def side_by_side(samples: Sequence[Iterable[Sample]]) -> tuple[Answers, ...]:
    """The answers of several runs under each prompt that any of them was asked, in the order of first asking.

    Of two answers to one prompt at one step the later one counts: an attempt that was repeated.
    """
    found: dict[str, list[dict[int, str]]] = defaultdict(lambda: [{} for _ in samples])
    for run, of_run in enumerate(samples):
        for sample in of_run:
            found[sample.prompt][run][sample.step] = sample.answer
    return tuple(Answers(prompt, tuple(by_run)) for prompt, by_run in found.items())


def steps(answers: Iterable[Answers]) -> tuple[int, ...]:
    """Every step at which some run answered something."""
    return tuple(sorted({step for one in answers for by_step in one.by_run for step in by_step}))
