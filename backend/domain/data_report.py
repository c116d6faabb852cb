"""What is found out about a dataset before training: tokens with their states, findings, lengths."""

from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from backend.data.choice import DatasetChoice, DatasetPart
from backend.domain.run_config import BaseModelChoice
from backend.recipes import Recipe
from backend.spec import Frozen

Place = int | str
"""A row: its line or number, and behind the file's name where there are several files ("a.jsonl:7")."""


class TokenState(StrEnum):
    """What training does with a token; whether it is special is said beside it."""

    TRAINED = "trained"
    MASKED = "masked"
    TRUNCATED = "truncated"
    PADDING = "padding"


class Severity(StrEnum):
    """ERROR spoils training, WARNING may, NOTE is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Token(Frozen):
    """One token under the microscope; `text` is the piece of the row that it stands for."""

    id: int
    text: str
    state: TokenState
    is_special: bool = False


class RowLook(Frozen):
    """A row as it is trained on, or one `side` of it where there are several, such as "chosen" and "rejected"."""

    number: Place
    side: str = ""
    tokens: tuple[Token, ...]
    text: str = Field(default="", description="What the model reads, before it is cut: all tokens as text again.")


class DataFinding(Frozen):
    """One thing that is wrong, with the first rows that it concerns and how many there are in the sample."""

    id: str
    severity: Severity
    what: str
    why: str
    fix: str
    rows: tuple[Place, ...] = ()
    num_rows: int = 0


class LengthBin(Frozen):
    """Rows of at least `low` and fewer than `high` tokens."""

    low: int
    high: int
    num_rows: int


class Packing(Frozen):
    """Share of the tokens in a batch that are no padding, from 0 to 1: in the file's order, sorted by length, flat.

    `flat` is None for recipes that have no flat rows.
    """

    batch_size: int
    padded: float
    grouped: float
    flat: float | None = 1.0


class Lengths(Frozen):
    """How long the rows of the sample are in tokens, before they are cut at max_length."""

    num_rows: int
    percentiles: dict[str, int]
    histogram: tuple[LengthBin, ...]
    max_length: int
    num_cut: int
    proposed_max_length: int
    rule: str
    packing: Packing


class PartLook(Frozen):
    """One of the datasets: how it was read, and how many rows it has, usable or not."""

    path: str
    format: str
    num_rows: int
    weight: float = 1.0
    is_validation: bool = False


class DataReport(Frozen):
    """The whole answer. Without a base model there are no tokens, and `lengths` is None.

    `format` and `recipe` are "unknown" and None where no row could be read. The rows of an epoch and those that are
    evaluated on are None where not all rows were read.
    """

    path: str
    format: str
    base_model: str | None
    recipe: str | None = None
    num_rows: int = Field(description="Rows that were read, usable or not.")
    is_complete: bool = Field(description="Whether these are all rows of the dataset.")
    num_sampled: int
    num_train_rows: int | None = None
    num_validation_rows: int | None = None
    parts: tuple[PartLook, ...] = ()
    findings: tuple[DataFinding, ...] = ()
    rows: tuple[RowLook, ...] = ()
    lengths: Lengths | None = None
    overlong: tuple[Place, ...] = Field(default=(), description="Sampled rows that are longer than they are cut at.")
    template: str = Field(default="", description="The chat template, as it comes with the tokenizer.")

    @property
    def has_errors(self) -> bool:
        """Whether anything was found that spoils training."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


class GivenRow(Frozen):
    """A row that is handed over instead of being read: what it is called, and its columns."""

    place: Place
    fields: dict[str, JsonValue]


class DataOrder(Frozen):
    """What to examine; relative paths are relative to `folder`. Without a recipe the rows choose one.

    With `given` rows nothing is read: these are examined, and all of them shown, in batches of `batch_size`.
    """

    kind: Literal["data"] = "data"
    folder: str
    dataset: DatasetChoice
    base_model: BaseModelChoice | None = None
    max_length: int = 1024
    recipe: Recipe | None = None
    batch_size: int = 4
    seed: int = 42
    num_rows: int = Field(default=256, ge=1, le=100_000)
    show: int = Field(default=3, ge=0, le=1_000)
    given: tuple[GivenRow, ...] = Field(default=(), max_length=1_000)


class RowsOrder(Frozen):
    """Rows of a hub dataset to be fetched and kept in the folder `target`, as backend.data.row_table reads them."""

    kind: Literal["rows"] = "rows"
    dataset: DatasetPart
    target: str
