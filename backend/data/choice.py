"""Which dataset a run trains on and how its rows are read."""

import re
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from backend.plugins.joining import JoinedName
from backend.plugins.kinds import PluginKind
from backend.spec import Frozen, because

FormatName = Annotated[
    Literal["auto", "messages", "sharegpt", "alpaca", "prompt_completion", "text", "preference", "kto", "prompt"],
    JoinedName(PluginKind.FORMATS),
]
HUB_PREFIX = "hub:"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


class Columns(Frozen):
    """Names of the columns that play a part; None means the format's own name."""

    prompt: str | None = Field(default=None, description="Column with the question, instruction or prompt.")
    input: str | None = Field(default=None, description="Column with extra input for the instruction (alpaca).")
    completion: str | None = Field(default=None, description="Column with the answer.")
    system: str | None = Field(default=None, description="Column with the system prompt.")
    messages: str | None = Field(default=None, description="Column with a list of turns.")
    text: str | None = Field(default=None, description="Column with plain text.")
    chosen: str | None = Field(default=None, description="Column with the preferred answer (preference pairs).")
    rejected: str | None = Field(default=None, description="Column with the other answer (preference pairs).")
    label: str | None = Field(default=None, description="Column that says whether the answer is good (kto).")
    answer: str | None = Field(default=None, description="Column with the answer that rewards compare with (prompt).")


class DatasetPart(Frozen):
    """One dataset and how to read it. A relative path is relative to the run.yaml that names it."""

    path: str = Field(
        min_length=1,
        title="Dataset",
        description="A file (.jsonl, .json, .csv, .tsv, .txt, also as .gz or .zst; .parquet, .arrow), a folder of them "
        "or of datasets' save_to_disk, sample:NAME for a shipped one, or hub:ORG/NAME.",
    )
    format: FormatName = Field(
        default="auto",
        title="Format",
        description="How rows become conversations; auto looks at the columns.",
        json_schema_extra=because("The columns tell in almost every case."),
    )
    columns: Columns = Field(default_factory=Columns, description="Column mapping, for files with other names.")
    subset: str | None = Field(
        default=None, max_length=200, description="Configuration of a hub dataset, where it has several."
    )
    split: str | None = Field(
        default=None,
        max_length=200,
        title="Split",
        description="Named split of a hub or save_to_disk dataset; None reads train.",
    )
    revision: str | None = Field(
        default=None, max_length=200, description="Branch, tag or commit of a hub dataset; a commit never changes."
    )
    weight: float = Field(
        default=1.0,
        gt=0,
        le=1000,
        description="How often each training row comes in an epoch: 2 twice, 0.5 a random half of the rows once.",
    )

    @property
    def hub_id(self) -> str | None:
        """ORG/NAME of a hub dataset, else None."""
        return self.path.removeprefix(HUB_PREFIX) if self.path.startswith(HUB_PREFIX) else None

    @field_validator("path")
    @classmethod
    def _is_path(cls, value: str) -> str:
        return checked_path(value)

    @model_validator(mode="after")
    def _fits_the_hub(self) -> Self:
        if self.hub_id is None and (self.subset or self.revision):
            raise ValueError(f"subset and revision are of hub datasets, whose path begins with {HUB_PREFIX}")
        return self


class DatasetChoice(DatasetPart):
    """A dataset, perhaps mixed with others, and what of it is held out."""

    mix: tuple[DatasetPart, ...] = Field(
        default=(),
        max_length=64,
        title="Mixed with",
        description="Further datasets, each with the keys above; `weight` says how often their rows come.",
    )
    validation_path: str | None = Field(
        default=None,
        title="Validation file",
        description="A second file for evaluation, instead of a split.",
        json_schema_extra=because("Most people have one file; a part of it is held out."),
    )
    validation_split: str | None = Field(
        default=None,
        max_length=200,
        title="Named validation split",
        description="Split of the hub or save_to_disk dataset that is evaluated on, instead of held-out rows.",
    )
    validation_fraction: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        title="Validation split",
        description="Share of the rows that is never trained on and measures eval/loss; 0 for none.",
        json_schema_extra=because("A tenth says enough about how well it learns, and leaves the rest for training."),
    )

    @field_validator("validation_path")
    @classmethod
    def _is_validation_path(cls, value: str | None) -> str | None:
        return value if value is None else checked_path(value)

    @property
    def parts(self) -> tuple[DatasetPart, ...]:
        """The dataset itself, then those mixed in."""
        return (DatasetPart(**{name: getattr(self, name) for name in DatasetPart.model_fields}), *self.mix)

    @property
    def validation(self) -> DatasetPart | None:
        """The dataset that is evaluated on, read like the first; None if rows are held out instead."""
        if self.validation_path is None and self.validation_split is None:
            return None
        first = self.parts[0]
        path = self.validation_path or first.path
        is_same = path == first.path
        is_hub = path.startswith(HUB_PREFIX)
        return DatasetPart(
            path=path,
            format=first.format,
            columns=first.columns,
            subset=first.subset if is_same and is_hub else None,
            revision=first.revision if is_same and is_hub else None,
            split=self.validation_split or (first.split if is_same else None),
        )


def checked_path(value: str) -> str:
    """The path itself. Raises ValueError for what can be neither a path nor a hub id."""
    if "\x00" in value:
        raise ValueError("a path cannot contain a NUL character")
    if value.startswith(HUB_PREFIX) and not _HUB_ID.fullmatch(value.removeprefix(HUB_PREFIX)):
        raise ValueError(f"a hub dataset is written {HUB_PREFIX}ORG/NAME")
    return value
