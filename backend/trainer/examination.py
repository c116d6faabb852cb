"""The data doctor's examination: what training would make of a dataset, and what is wrong with it."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from backend.base_models.files import BaseFiles, locate
from backend.data.examples import Conversation, PlainText, Turn
from backend.domain.data_checks import EncodedRow, Sample, Vocabulary, findings, look
from backend.domain.data_findings import finding
from backend.domain.data_lengths import lengths
from backend.domain.data_report import DataFinding, DataOrder, DataReport, RowLook
from backend.recipes import Pretrain, Recipe, Sft
from backend.trainer.limited import ChildFailed, Limits, TooBig, TooSlow, limited
from backend.trainer.model import load_tokenizer
from backend.trainer.readings import reading_of
from backend.trainer.row_child import Encodings, encode
from backend.trainer.sampling_rows import SampledRows, given_rows, sample_rows, text_findings

# how control tokens are written; [INST] is not among them: Llama 2 and Mistral write it in pieces
MARK = re.compile(r"<\|[^<>|\s]{1,40}\|>|<(?:start|end)_of_\w{1,20}>|</?s>|<(?:bos|eos|pad|im_start|im_end)>")
MAX_TEMPLATE = 100_000
CANARY = Conversation((Turn("user", "x"), Turn("assistant", "x")))


def examine(order: DataOrder, limits: Limits | None = None, say: Callable[[str], None] = lambda _: None) -> DataReport:
    """Read, sample, encode and judge; `say` hears how far it is. Raises DataError, and as `locate` for the model."""
    base = Path(order.folder)
    if order.given:
        found = given_rows(order.dataset, order.recipe, order.given)
    else:
        found = sample_rows(order.dataset, base, order.recipe, order.num_rows, order.seed, say)
    counts = found.counts
    report = DataReport(
        path=str(found.path),
        format=found.parts[0].format if found.parts else "unknown",
        base_model=order.base_model.path if order.base_model else None,
        recipe=found.recipe.name if found.recipe else None,
        num_rows=found.num_rows,
        is_complete=found.is_complete,
        num_sampled=len(found.sample),
        num_train_rows=counts.num_train_rows if counts else None,
        num_validation_rows=counts.num_validation_rows if counts else None,
        parts=tuple(found.parts),
    )
    if order.base_model is None or found.recipe is None or not found.sample:
        return report.model_copy(update={"findings": tuple(text_findings(found))})
    say(f"Turning {len(found.sample):,} rows into tokens.")
    files = locate(order.base_model, base)
    return _with_tokens(report, order, found, found.recipe, files, limits or Limits())


def _with_tokens(
    report: DataReport, order: DataOrder, found: SampledRows, recipe: Recipe, files: BaseFiles, limits: Limits
) -> DataReport:
    tokenizer = load_tokenizer(files)
    known = vocabulary(tokenizer, files.folder)
    reading = reading_of(recipe, tokenizer, order.max_length)
    made = encode(reading.read, [(row.place, row.example) for row in found.sample], limits)
    sample = Sample(tuple(made.rows), known, reading.limit, reading.learning)
    wrong = [
        *text_findings(found, [text for token in sorted(known.special) if (text := known.text(token))]),
        *_template_findings(made, limits),
        *(_mismatch(tokenizer, limits) if _has_turns(found) and made.ended is None else ()),
        *findings(sample),
    ]
    trained = {row.place for row in found.train}
    shown = made.rows if order.given else _shown(made.rows, wrong, order.show)
    together = order.batch_size * reading.num_sides if order.given else max(1, len(shown))
    return report.model_copy(
        update={
            "findings": tuple(wrong),
            "rows": _looks(shown, sample, tokenizer, together),
            "overlong": tuple(dict.fromkeys(row.number for row in made.rows if len(row.ids) > sample.max_length)),
            "template": str(getattr(tokenizer, "chat_template", None) or "")[:MAX_TEMPLATE],
            "lengths": lengths(
                [len(row.ids) for row in made.rows if row.number in trained],
                max_length=order.max_length if isinstance(recipe, Pretrain) else reading.limit,
                batch_size=order.batch_size * reading.num_sides,
                is_joined=isinstance(recipe, Pretrain),
                has_flat_rows=isinstance(recipe, Sft | Pretrain),
            ),
        }
    )


def vocabulary(tokenizer: PreTrainedTokenizerBase, folder: Path) -> Vocabulary:
    """The control tokens, as the tokenizer and the model's configuration for generating name them."""
    added = {int(number): str(token.content) for number, token in tokenizer.added_tokens_decoder.items()}
    marked = {int(number) for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    special = marked | {int(number) for number in tokenizer.all_special_ids}
    texts = {number: added.get(number) or str(tokenizer.convert_ids_to_tokens(number)) for number in special}
    eos = tokenizer.eos_token_id
    ends = {*([] if eos is None else [int(eos)]), *_ends_of_generation(folder)}
    return Vocabulary(tokenizer.bos_token_id, eos, tokenizer.pad_token_id, frozenset(ends), frozenset(special), texts)


def _ends_of_generation(folder: Path) -> Iterator[int]:
    """Instruct models often stop at more tokens than the tokenizer's end of text (generation_config.json)."""
    try:
        told = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    ends = told.get("eos_token_id") if isinstance(told, dict) else None
    yield from (int(end) for end in (ends if isinstance(ends, list) else [ends]) if isinstance(end, int))


def _template_findings(made: Encodings, limits: Limits) -> Iterator[DataFinding]:
    if made.refused:
        yield finding("template-raises", list(made.refused), why=next(iter(made.refused.values())))
    if made.ended is not None:
        name, number = made.ended
        yield finding(name, [number], seconds=limits.item_seconds, megabytes=limits.more_bytes / 1e6)


def _mismatch(tokenizer: PreTrainedTokenizerBase, limits: Limits) -> Iterator[DataFinding]:
    """Marks that the template writes around any text, and that fall into several tokens."""

    def split() -> Iterator[str]:
        turns = [{"role": turn.role, "content": turn.content} for turn in CANARY.turns]
        text = str(tokenizer.apply_chat_template(turns, tokenize=False))
        marks = sorted(set(MARK.findall(text)))
        yield json.dumps([m for m in marks if len(tokenizer(m, add_special_tokens=False)["input_ids"]) != 1])

    try:
        unknown = json.loads(next(limited(split, limits)))
    except (TooSlow, TooBig, ChildFailed):
        return  # a template that does not take the canary; its own rows have been judged
    if unknown:
        yield finding("template-mismatch", marks=", ".join(unknown[:5]))


def _has_turns(found: SampledRows) -> bool:
    return any(not isinstance(row.example, PlainText) for row in found.sample)


def _shown(rows: Sequence[EncodedRow], wrong: Sequence[DataFinding], wanted: int) -> list[EncodedRow]:
    """First a row of each finding, then others from the beginning; in the order of the file, with all their sides."""
    present = {row.number for row in rows}
    named = [number for item in wrong for number in item.rows[:1] if number in present]
    chosen = set(list(dict.fromkeys([*named, *(row.number for row in rows)]))[:wanted])
    return [row for row in rows if row.number in chosen]


def _looks(
    rows: Sequence[EncodedRow], sample: Sample, tokenizer: PreTrainedTokenizerBase, together: int
) -> tuple[RowLook, ...]:
    """The rows in batches of so many: shorter ones are padded to the longest of theirs, as the collator does."""
    made = []
    for start in range(0, len(rows), together):
        batch = rows[start : start + together]
        longest = max(min(len(row.ids), sample.max_length) for row in batch)
        for row in batch:
            tokens = look(row, sample, pieces(tokenizer, row.ids), padded_to=longest)
            made.append(RowLook(number=row.number, side=row.side, tokens=tokens, text=_text(tokenizer, row.ids)))
    return tuple(made)


def pieces(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> list[str]:
    """The text that each token adds to the one before it; a token that is part of a character is shown as U+FFFD."""
    made = []
    for place, token in enumerate(ids):
        before = _text(tokenizer, ids[max(0, place - 1) : place])
        both = _text(tokenizer, ids[max(0, place - 1) : place + 1])
        alone = _text(tokenizer, [token])
        made.append(both[len(before) :] if both.startswith(before) and "\ufffd" not in both else alone)
    return made


def _text(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))
