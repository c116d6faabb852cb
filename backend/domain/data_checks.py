"""What can be wrong with encoded rows: pure checks over ids and labels as training makes them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from backend.domain.data_findings import finding
from backend.domain.data_lengths import proposed
from backend.domain.data_report import DataFinding, Place, Token, TokenState


class Learning(StrEnum):
    """What training takes from a row: the tokens with labels, one score at its end, or nothing but the question."""

    TOKENS = "tokens"
    SCORE = "score"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row, or a side of it, before it is cut.

    A label is the id where the token is learned, and anything else where it is not.
    """

    number: Place
    ids: tuple[int, ...]
    labels: tuple[int, ...]
    side: str = ""

    def learned(self) -> Iterator[int]:
        """Positions that are learned; the first token is never predicted, so it is none of them."""
        pairs = enumerate(zip(self.ids, self.labels, strict=True))
        return (place for place, (token, label) in pairs if place and token == label)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens that mean something to a tokenizer; `ends` are those at which generation stops, eos among them."""

    bos: int | None
    eos: int | None
    pad: int | None
    ends: frozenset[int]
    special: frozenset[int]
    texts: dict[int, str]

    def text(self, token: int | None) -> str:
        """A token as it is written."""
        return "no token" if token is None else self.texts.get(token, f"token {token}")


@dataclass(frozen=True, slots=True)
class Sample:
    """Encoded rows of one dataset, what they are to be cut at, and what is learned from them."""

    rows: tuple[EncodedRow, ...]
    vocabulary: Vocabulary
    max_length: int
    learning: Learning = Learning.TOKENS


def findings(sample: Sample) -> tuple[DataFinding, ...]:
    """Everything that is wrong with the sample."""
    found = (check(sample) for check in CHECKS[sample.learning])
    return tuple(item for item in found if item is not None)


def nothing_learned(sample: Sample) -> DataFinding | None:
    """Rows whose labels are all masked, or of whose answer only control tokens are learned."""
    special = sample.vocabulary.special
    rows = [row.number for row in sample.rows if all(row.ids[place] in special for place in row.learned())]
    return finding("nothing-learned", rows) if rows else None


def prompt_too_long(sample: Sample) -> DataFinding | None:
    """Rows whose first learned token lies behind the cut."""
    firsts = {row.number: next(row.learned(), None) for row in sample.rows}
    rows = {number: first for number, first in firsts.items() if first is not None and first >= sample.max_length}
    if not rows:
        return None
    return finding("prompt-too-long", list(rows), max_length=sample.max_length, longest=max(rows.values()))


def no_room_for_answer(sample: Sample) -> DataFinding | None:
    """Prompts, without answers, that are longer than what is left for them."""
    rows = {row.number: len(row.ids) for row in sample.rows if len(row.ids) > sample.max_length}
    if not rows:
        return None
    return finding("no-room-for-answer", list(rows), room=sample.max_length, longest=max(rows.values()))


def no_difference(sample: Sample) -> DataFinding | None:
    """Pairs whose answers both begin before the cut, and are the same up to it."""
    end = sample.max_length
    rows = [
        left.number
        for left, right in pairwise(sample.rows)
        if (left.number, left.side, right.side) == (right.number, "chosen", "rejected")
        and left.ids[:end] == right.ids[:end]
        and next(left.learned(), end) < end
    ]
    return finding("no-difference", rows, max_length=end) if rows else None


def answer_cut(sample: Sample) -> DataFinding | None:
    """Rows of which something is learned, and something that should be lies behind the cut."""
    rows = []
    for row in sample.rows:
        places = list(row.learned())
        if places and places[0] < sample.max_length <= places[-1]:
            rows.append(row.number)
    if not rows:
        return None
    wanted = proposed([len(row.ids) for row in sample.rows])
    return finding("answer-cut", rows, max_length=sample.max_length, proposed=max(wanted, sample.max_length))


def end_never_trained(sample: Sample) -> DataFinding | None:
    """No row of the sample teaches a token at which generation stops."""
    known = sample.vocabulary
    trained = [row for row in sample.rows if any(True for _ in row.learned())]
    if not trained or any(row.ids[place] in known.ends for row in trained for place in _kept(row, sample)):
        return None
    if known.eos is None and not known.ends:
        why = "The tokenizer has no end-of-text token."
    elif any(row.ids[place] in known.ends for row in trained for place in row.learned()):
        why = f"Every row is cut at {sample.max_length} tokens, before its end."
    else:
        last = sorted({known.text(row.ids[list(row.learned())[-1]]) for row in trained})
        ends = ", ".join(sorted(map(known.text, known.ends)))
        why = f"Answers end with {', '.join(map(repr, last[:3]))}, but generation stops at {ends}."
    return finding("end-never-trained", [row.number for row in trained], why=why)


def end_masked_as_padding(sample: Sample) -> DataFinding | None:
    """Pad and eos are one token: masked behind an answer it is an error, learned it is worth a note."""
    known = sample.vocabulary
    if known.eos is None or known.pad != known.eos:
        return None
    rows = [row.number for row in sample.rows if _has_masked_end(row, known.eos)]
    end = known.text(known.eos)
    return finding("end-masked-as-padding", rows, end=end) if rows else finding("pad-is-end", end=end)


def doubled_bos(sample: Sample) -> DataFinding | None:
    """Rows whose first two tokens are both the begin-of-text token."""
    bos = sample.vocabulary.bos
    if bos is None:
        return None
    rows = [row.number for row in sample.rows if row.ids[:2] == (bos, bos)]
    return finding("doubled-bos", rows, bos=sample.vocabulary.text(bos)) if rows else None


def look(row: EncodedRow, sample: Sample, pieces: Sequence[str], *, padded_to: int = 0) -> tuple[Token, ...]:
    """Every token of a row with its state, and the padding behind it; `pieces` are the texts of its tokens."""
    known = sample.vocabulary
    tokens, last = [], min(len(row.ids), sample.max_length) - 1
    for place, (token, label) in enumerate(zip(row.ids, row.labels, strict=True)):
        is_learned = place == last if sample.learning is Learning.SCORE else place and token == label
        state = TokenState.TRAINED if is_learned else TokenState.MASKED
        state = state if place < sample.max_length else TokenState.TRUNCATED
        tokens.append(Token(id=token, text=pieces[place], state=state, is_special=token in known.special))
    pad = known.pad or 0
    missing = padded_to - min(len(row.ids), sample.max_length)
    padding = Token(id=pad, text=known.text(pad), state=TokenState.PADDING, is_special=pad in known.special)
    return (*tokens, *[padding] * missing)


def _kept(row: EncodedRow, sample: Sample) -> Iterator[int]:
    return (place for place in row.learned() if place < sample.max_length)


def _has_masked_end(row: EncodedRow, end: int) -> bool:
    """An end behind a learned token, itself not learned."""
    learned = set(row.learned())
    return any(place - 1 in learned and place not in learned and row.ids[place] == end for place in range(len(row.ids)))


CHECKS: dict[Learning, tuple[Callable[[Sample], DataFinding | None], ...]] = {
    Learning.TOKENS: (
        nothing_learned,
        prompt_too_long,
        no_difference,
        answer_cut,
        end_never_trained,
        end_masked_as_padding,
        doubled_bos,
    ),
    Learning.SCORE: (nothing_learned, prompt_too_long, no_difference, answer_cut, doubled_bos),
    Learning.NOTHING: (no_room_for_answer, doubled_bos),
}
