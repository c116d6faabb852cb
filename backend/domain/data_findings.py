"""Every finding of the data doctor in words: what is wrong, why it matters, what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.domain.data_report import DataFinding, Place, Severity

NAMED_ROWS = 10


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of a finding; names in braces are filled in."""

    severity: Severity
    what: str
    why: str
    fix: str


FINDINGS: dict[str, Words] = {
    "nothing-learned": Words(
        Severity.ERROR,
        "Rows have nothing to learn, whatever their length.",
        "Every token of the answer is masked: the chat template drops it, or it is empty.",
        "Look at the rows under the microscope, and use a template that writes out the assistant's turns.",
    ),
    "prompt-too-long": Words(
        Severity.ERROR,
        "The prompt alone fills training.max_length, so nothing of the answer is left.",
        "Rows are cut at {max_length} tokens, and the longest of these prompts has {longest}.",
        "Raise training.max_length, or shorten or remove these rows.",
    ),
    "answer-cut": Words(
        Severity.WARNING,
        "The end of the answer lies behind training.max_length.",
        "Rows are cut at {max_length} tokens; the model learns answers that break off and never end.",
        "Raise training.max_length to {proposed}, or shorten or remove these rows.",
    ),
    "end-never-trained": Words(
        Severity.ERROR,
        "The end of an answer is never learned.",
        "{why}",
        "Use the template and end token that belong to the model; a model that never saw its end does not stop.",
    ),
    "doubled-bos": Words(
        Severity.ERROR,
        "Rows begin with {bos} twice.",
        "Both the chat template and the text (or the tokenizer) write it; the model was never trained on that.",
        "Remove {bos} from the texts, or from the chat template.",
    ),
    "pad-is-end": Words(
        Severity.NOTE,
        "Padding and the end of text are the same token, {end}.",
        "That is harmless here: padding is told by its place, and ends are learned.",
        "Nothing is to be done; other programs that mask padding by its id would mask the ends too.",
    ),
    "end-masked-as-padding": Words(
        Severity.ERROR,
        "The end of the answers is masked, because padding is the same token, {end}.",
        "Labels were masked by the id of the padding token, so the model never learns to stop.",
        "Give the tokenizer a padding token of its own.",
    ),
    "template-mismatch": Words(
        Severity.WARNING,
        "The chat template writes {marks}, which the tokenizer does not know as one token.",
        "The template seems to belong to another model: its marks fall into pieces that mean nothing to this one.",
        "Use the chat template of this model's own repository.",
    ),
    "template-raises": Words(
        Severity.ERROR,
        "The chat template refuses rows.",
        "{why}",
        "Change the rows, choose another base model, or set recipe.answers_only to false.",
    ),
    "template-too-slow": Words(
        Severity.ERROR,
        "The chat template does not come to an end.",
        "A template is a program; turning a row into tokens took more than {seconds:g} seconds and was broken off.",
        "Do not use this model's chat template; take the original of the model, from its own repository.",
    ),
    "template-too-big": Words(
        Severity.ERROR,
        "The chat template takes too much memory.",
        "A template is a program; turning a row into tokens took more than {megabytes:,.0f} MB and was broken off.",
        "Do not use this model's chat template; take the original of the model, from its own repository.",
    ),
    "special-token-in-text": Words(
        Severity.WARNING,
        "Texts contain {marks}, which the tokenizer takes as a control token.",
        "A mark inside a text ends or begins a turn where none is.",
        "Remove it from the texts, unless you mean it.",
    ),
    "role-order": Words(
        Severity.ERROR,
        "The turns are not in order.",
        "After an optional system prompt, user and assistant alternate, and the assistant has the last word: {why}.",
        "Correct or remove these rows.",
    ),
    "rows-unusable": Words(
        Severity.ERROR,
        "Rows cannot be read as examples.",
        "{why}.",
        "Correct or remove these rows; training does not begin while there are any.",
    ),
    "byte-order-mark": Words(
        Severity.WARNING,
        "Byte-order marks stand inside the file.",
        "Only the very first bytes of a file may be one; elsewhere it is an invisible character that is learned.",
        "Remove U+FEFF: it comes from joining files that each began with one.",
    ),
    "mixed-encodings": Words(
        Severity.ERROR,
        "Some lines are not UTF-8.",
        "Parts of the file were written in another encoding, such as Latin-1: {why}.",
        "Convert those parts to UTF-8 before joining them.",
    ),
    "garbled-text": Words(
        Severity.WARNING,
        "Texts were decoded with the wrong encoding, such as {sample}.",
        "UTF-8 was read as Windows-1252, or lost characters were replaced; the model learns the garbage.",
        "Make the file again from its source, reading it as UTF-8.",
    ),
    "dataset-unreadable": Words(Severity.ERROR, "The dataset cannot be read.", "{why}", "{fix}"),
    "no-difference": Words(
        Severity.ERROR,
        "Nothing is left to compare: both answers are the same within training.max_length.",
        "Rows are cut at {max_length} tokens, and these answers differ behind it or not at all.",
        "Raise training.max_length, or shorten or remove these rows; training does not begin while there are any.",
    ),
    "no-room-for-answer": Words(
        Severity.ERROR,
        "Prompt and longest answer together exceed training.max_length.",
        "It leaves {room} tokens for the prompt, and the longest of these prompts has {longest}.",
        "Raise training.max_length, lower recipe.max_completion_length, or shorten or remove these rows.",
    ),
    "rows-repeated": Words(
        Severity.NOTE,
        "Rows are there more than once.",
        "{which}. Equal rows go to the same side, so none is trained on and validated on.",
        "Remove the copies, unless you mean the model to see them more often.",
    ),
    "answer-empty": Words(
        Severity.WARNING,
        "Answers without a letter or digit.",
        "{which}.",
        "Look whether the answer was lost on the way, and correct or remove these rows.",
    ),
    "answer-very-long": Words(
        Severity.NOTE,
        "Very long answers.",
        "{which}.",
        "Look whether several rows were joined by mistake, such as by a quotation mark that is never closed.",
    ),
    "leak": Words(
        Severity.WARNING,
        "Training rows are in the validation dataset too.",
        "{which}.",
        "Nothing must be done: they are not trained on. Fewer rows are left to train on than the file has.",
    ),
    "near-leak": Words(
        Severity.WARNING,
        "Training rows that are nearly in the validation rows.",
        "{which}. eval/loss looks better than it is.",
        "Remove them from one of the two sides.",
    ),
}


def finding(name: str, rows: Sequence[Place] = (), **data: object) -> DataFinding:
    """A finding in its words; `rows` are all rows of the sample that it concerns."""
    words = FINDINGS[name]
    numbers = tuple(dict.fromkeys(rows))
    return DataFinding(
        id=name,
        severity=words.severity,
        what=words.what.format(**data),
        why=words.why.format(**data),
        fix=words.fix.format(**data),
        rows=numbers[:NAMED_ROWS],
        num_rows=len(numbers),
    )
